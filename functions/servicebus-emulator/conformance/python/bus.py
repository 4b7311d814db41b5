"""How the checks reach the emulator, through Microsoft's clients only."""

import time
from datetime import datetime, timezone

from azure.core.pipeline.transport import RequestsTransport
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusReceiveMode, ServiceBusSubQueue
from azure.servicebus.management import ServiceBusAdministrationClient

from registry import equal

ARRIVES_WITHIN = 15.0
"""Seconds. What should arrive is waited for that long; the wait ends when it is there."""


class _PlainHttp(RequestsTransport):
    """The administration client always speaks HTTPS, the emulator's port 5300 is plain HTTP."""

    def __init__(self, base_url, **options):
        super().__init__(**options)
        self._base_url = base_url

    def send(self, request, **options):
        path = request.url.split("://", 1)[1].partition("/")[2]
        request.url = f"{self._base_url}/{path}"
        return super().send(request, **options)


class Bus:
    def __init__(self, connection, admin_url):
        self.connection = connection
        self.admin_url = admin_url.rstrip("/")

    def client(self, **options):
        return ServiceBusClient.from_connection_string(self.connection, **options)

    def admin(self):
        return ServiceBusAdministrationClient.from_connection_string(
            self.connection, transport=_PlainHttp(self.admin_url), retry_total=0
        )

    def send(self, client, queue, *messages):
        """Sends each message by itself, in order. Text and bytes become a message with that body."""
        with client.get_queue_sender(queue) as sender:
            for message in messages:
                sender.send_messages(message if isinstance(message, ServiceBusMessage) else ServiceBusMessage(message))

    def publish(self, client, topic, *messages):
        with client.get_topic_sender(topic) as sender:
            for message in messages:
                sender.send_messages(message if isinstance(message, ServiceBusMessage) else ServiceBusMessage(message))


def receive(receiver, count=1, within=ARRIVES_WITHIN):
    """Receives exactly `count` messages, or fails when they haven't come `within` seconds."""
    until = time.monotonic() + within
    messages = []
    while len(messages) < count and time.monotonic() < until:
        left = max(0.1, until - time.monotonic())
        messages += receiver.receive_messages(max_message_count=count - len(messages), max_wait_time=left)
    equal(f"messages received within {within} s", len(messages), count)
    return messages


def receive_one(receiver, within=ARRIVES_WITHIN):
    return receive(receiver, 1, within)[0]


def nothing(receiver, within=1.0):
    """Fails when a message comes `within` seconds."""
    equal("bodies received", [text(m) for m in receiver.receive_messages(max_message_count=1, max_wait_time=within)], [])


def dead_letters(client, queue, **options):
    return client.get_queue_receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER, **options)


def receive_and_delete(client, queue, **options):
    return client.get_queue_receiver(queue, receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE, **options)


def body(message):
    return b"".join(message.body)


def text(message):
    return body(message).decode()


def properties(message):
    """Application properties as text; this client hands out bytes."""
    decode = lambda value: value.decode() if isinstance(value, bytes) else value
    return {decode(key): decode(value) for key, value in (message.application_properties or {}).items()}


def now():
    return datetime.now(timezone.utc)
