"""Has `orders dev` send e-mail to aiosmtpd, a mail server of others, and reads what arrives with Python's own parser.

    check.py ORDERS

ORDERS is the program. Each check has a server and a service of its own, on free ports of the loopback.
"""

import contextlib
import email
import email.policy
import json
import logging
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request
import warnings
from html.parser import HTMLParser

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

# It warns of what is done here on purpose: a login without STARTTLS, inside TLS.
logging.getLogger("mail").setLevel(logging.ERROR)
warnings.simplefilter("ignore")

PATIENCE = 60
AUTHORITY = trustme.CA()
CERTIFICATE = AUTHORITY.issue_cert("localhost", "127.0.0.1")


class Mailbox:
    """Takes everything, unless the check says otherwise for the next recipients or messages."""

    def __init__(self):
        self.mails, self.refusals, self.drops = [], [], 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.refusals:
            return self.refusals.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((envelope, session.ssl is not None))
        if self.drops:
            self.drops -= 1
            server.transport.abort()
        return "250 OK: queued as 42"

    def parsed(self, index=-1):
        return email.message_from_bytes(self.mails[index][0].content, policy=email.policy.default)



def tls():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CERTIFICATE.configure_cert(context)
    return context


def authenticator(server, session, envelope, mechanism, data):
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"user", b"secret")
    return AuthResult(success=right)


class Orders:
    """The service with its settings, and a client of it."""

    def __init__(self, program, folder, settings):
        environment = {"NOTIFY_CHANNELS": "email", "EMAIL_FROM": "Shop <shop@example.com>", "RUST_LOG": "warn", **settings}
        self.process = subprocess.Popen(
            [program, "dev", "--port", "0", "--data", folder], env=environment, stdout=subprocess.PIPE, text=True
        )
        for line in self.process.stdout:
            if line.startswith("orders listens on "):
                self.url = line.split()[-1]
                break

    def call(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def place(self, locale="en", name="Ada Lovelace"):
        order = {
            "customer": {"name": name, "email": "ada@example.com"},
            "currency": "EUR",
            "notify": {"locale": locale},
            "lines": [{"sku": "TEA-1", "name": "Grüner <Tee>", "quantity": 2, "unitPrice": 125000}],
        }
        return self.call("/api/orders", order)["id"]

    def kinds(self, order):
        entries = self.call(f"/api/orders/{order}/timeline")["entries"]
        return [entry["kind"] for entry in entries if entry["kind"].startswith("delivery.")]

    def until(self, order, kind):
        return until(f"{kind} on the timeline", lambda: kind in self.kinds(order))

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.process.stdout.close()


def until(what, look):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not in time: {what}")


class Texts(HTMLParser):
    """The texts and the tags of a page."""

    def __init__(self, page):
        super().__init__()
        self.texts, self.tags = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)

    def handle_data(self, data):
        self.texts.append(data.strip())


@contextlib.contextmanager
def service(program, kind="plain"):
    mailbox = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = {"hostname": "127.0.0.1", "port": port}
    if kind != "plain":
        options |= {"authenticator": authenticator, "auth_required": True, "auth_require_tls": kind == "starttls"}
    if kind == "starttls":
        options |= {"tls_context": tls(), "require_starttls": True}
    if kind == "implicit":
        options |= {"ssl_context": tls(), "auth_require_tls": False}
    controller = Controller(mailbox, **options)
    controller.start()
    with tempfile.TemporaryDirectory() as folder:
        authority = os.path.join(folder, "authority.pem")
        AUTHORITY.cert_pem.write_to_path(authority)
        server = {
            "plain": f"smtp://127.0.0.1:{port}",
            "starttls": f"smtp://user@localhost:{port}?tls=required",
            "implicit": f"smtps://user@localhost:{port}",
        }[kind]
        settings = {"EMAIL_SERVER": server, "SSL_CERT_FILE": authority}
        if kind != "plain":
            settings["EMAIL_PASSWORD"] = "secret"
        orders = Orders(program, os.path.join(folder, "data"), settings)
        try:
            yield orders, mailbox
        finally:
            orders.stop()
            controller.stop()


def an_e_mail_is_read_by_python_as_it_was_meant(program):
    with service(program) as (orders, mailbox):
        order = orders.place(locale="de-AT", name='Ada "Ä" Lovelace, Gräfin')
        orders.until(order, "delivery.succeeded")
        mail = mailbox.parsed()
        assert not mail.defects and all(not part.defects for part in mail.walk()), mail.defects
        assert mail["From"].addresses[0].display_name == "Shop"
        recipient = mail["To"].addresses[0]
        assert (recipient.display_name, recipient.addr_spec) == ('Ada "Ä" Lovelace, Gräfin', "ada@example.com"), recipient
        assert mail["Subject"] == "Ihre Bestellung über 2.500,00 EUR", mail["Subject"]
        assert mail["Message-ID"].endswith("@example.com>") and len(mail["Message-ID"]) == len("<>@example.com") + 36
        assert mail["Auto-Submitted"] == "auto-generated" and mail["Content-Language"] == "de"
        text = mail.get_body(("plain",)).get_content()
        assert "2 x Grüner <Tee>: 2.500,00 EUR" in text and order in text, text
        page = Texts(mail.get_body(("html",)).get_content())
        assert "Grüner <Tee>" in page.texts and "tee" not in page.tags, page.texts
        raw = mailbox.mails[-1][0].content
        assert raw.isascii() and max(map(len, raw.split(b"\r\n"))) <= 998, "a line is longer than RFC 5322 allows"


def with_starttls_and_a_login_it_arrives(program):
    with service(program, "starttls") as (orders, mailbox):
        orders.until(orders.place(), "delivery.succeeded")
        assert mailbox.mails[-1][1], "it went in TLS"


def with_tls_from_the_first_byte_and_a_login_it_arrives(program):
    with service(program, "implicit") as (orders, mailbox):
        orders.until(orders.place(), "delivery.succeeded")


def a_greylisted_recipient_is_told_later_and_once(program):
    with service(program) as (orders, mailbox):
        mailbox.refusals = ["451 4.7.1 <ada@example.com>: greylisted, try again"]
        order = orders.place()
        orders.until(order, "delivery.succeeded")
        assert orders.kinds(order) == ["delivery.retrying", "delivery.succeeded"], orders.kinds(order)
        assert len(mailbox.mails) == 1


def a_recipient_who_is_refused_for_good_is_not_tried_again(program):
    with service(program) as (orders, mailbox):
        mailbox.refusals = ["550 5.1.1 <ada@example.com>: no such user"]
        order = orders.place()
        orders.until(order, "delivery.failed")
        entries = json.dumps(orders.call(f"/api/orders/{order}/timeline"))
        assert "the receiver refused it" in entries and "550" not in entries and "ada@example.com" not in entries, entries
        assert not mailbox.mails


def a_copy_after_a_lost_answer_bears_the_same_id(program):
    with service(program) as (orders, mailbox):
        mailbox.drops = 1
        order = orders.place()
        orders.until(order, "delivery.succeeded")
        assert orders.kinds(order) == ["delivery.unknown", "delivery.succeeded"], orders.kinds(order)
        first, second = mailbox.parsed(0)["Message-ID"], mailbox.parsed(1)["Message-ID"]
        assert len(mailbox.mails) == 2 and first == second, (first, second)


CHECKS = [
    an_e_mail_is_read_by_python_as_it_was_meant,
    with_starttls_and_a_login_it_arrives,
    with_tls_from_the_first_byte_and_a_login_it_arrives,
    a_greylisted_recipient_is_told_later_and_once,
    a_recipient_who_is_refused_for_good_is_not_tried_again,
    a_copy_after_a_lost_answer_bears_the_same_id,
]


def main(program):
    failed = 0
    for check in CHECKS:
        try:
            check(program)
            print("pass", check.__name__)
        except Exception:
            failed += 1
            traceback.print_exc()
            print("FAIL", check.__name__)
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
