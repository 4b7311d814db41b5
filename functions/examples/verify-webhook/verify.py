"""Verifies a webhook of this service (Standard Webhooks 1.0.0). `body` is the request's body as it came, in bytes."""

import base64
import hashlib
import hmac
import time

TOLERANCE = 5 * 60  # seconds


def verify(secret, webhook_id, timestamp, signatures, body, now=None):
    now = time.time() if now is None else now
    if not timestamp.isascii() or not timestamp.isdigit() or abs(now - int(timestamp)) > TOLERANCE:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(expected.encode(), given.encode()) for given in signatures.split(" "))
