"""Clients that place orders through the Service, and remember what they were promised."""

import http.client
import json
import threading
import time
import uuid

ORDER = {"customerName": "Load", "currency": "EUR", "lines": [{"sku": "TEA-1", "quantity": 1, "unitPrice": 1250}]}
# As long as a client of a person would wait.
DEADLINE = 10.0


class Load:
    """Clients that each place one order after the other, at a pace that all of them together keep.

    A client keeps its connection, as clients do. When the server has closed it between two requests, the request is made
    again on a fresh one with the same Idempotency-Key; that is no failure. Everything else but 201 is one.
    """

    def __init__(self, address, key, clients=8, per_second=100.0):
        self.address, self.key, self.pause = address, key, clients / per_second
        self.placed, self.failures, self.reconnected = [], [], 0
        self.lock, self.stop = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self.client, daemon=True) for _ in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(DEADLINE * 3)

    def client(self):
        connection = None
        while not self.stop.is_set():
            begun = time.monotonic()
            connection = self.place(connection)
            self.stop.wait(max(0.0, self.pause - (time.monotonic() - begun)))

    def place(self, connection):
        key = str(uuid.uuid4())
        fresh = connection is None
        try:
            connection = connection or http.client.HTTPConnection(self.address, timeout=DEADLINE)
            answer = self.post(connection, key)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            if fresh:
                return self.fail(f"a fresh connection: {error!r}")
            with self.lock:
                self.reconnected += 1
            try:
                connection = http.client.HTTPConnection(self.address, timeout=DEADLINE)
                answer = self.post(connection, key)
            except (http.client.HTTPException, OSError) as again:
                return self.fail(f"again, on a fresh connection: {again!r}")
        except (http.client.HTTPException, OSError) as error:
            return self.fail(repr(error))
        status, body, closes = answer
        if status != 201:
            return self.fail(f"{status}: {body[:300]!r}")
        with self.lock:
            self.placed.append((time.time(), json.loads(body)["id"]))
        return None if closes else connection

    def post(self, connection, key):
        headers = {"Content-Type": "application/json", "x-functions-key": self.key, "Idempotency-Key": key}
        connection.request("POST", "/api/orders", json.dumps(ORDER), headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.will_close

    def fail(self, what):
        with self.lock:
            self.failures.append((time.time(), what))


def get(address, path, key):
    """Status and body of one GET on a connection of its own."""
    connection = http.client.HTTPConnection(address, timeout=DEADLINE)
    try:
        connection.request("GET", path, headers={"x-functions-key": key})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
