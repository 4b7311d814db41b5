"""What is sent arrives as it was sent, and what is too large is refused."""

import uuid
from datetime import datetime, timedelta, timezone

from azure.servicebus import ServiceBusMessage
from azure.servicebus._pyamqp.types import AMQPTypes, TYPE, VALUE
from azure.servicebus.amqp import AmqpAnnotatedMessage, AmqpMessageBodyType
from azure.servicebus.exceptions import MessageSizeExceededError

from bus import body, properties, receive, receive_one, text
from registry import between, check, equal, present, refused

MAX_MESSAGE_SIZE = 262_144
"""Bytes; Service Bus quotas: 256 KB in the Standard tier."""


@check("A message arrives with its body", "Message transfers: send, receive under peek-lock, complete")
def one(bus):
    with bus.client() as client:
        bus.send(client, "one", "an order was placed")
        with client.get_queue_receiver("one") as receiver:
            message = receive_one(receiver)
            equal("body", text(message), "an order was placed")
            receiver.complete_message(message)


@check("A list of messages is sent as one batch and arrives as single messages in order", "Message batching: batched send")
def batch(bus):
    with bus.client() as client:
        with client.get_queue_sender("batch") as sender:
            sender.send_messages([ServiceBusMessage(f"m{n}", message_id=f"id-{n}") for n in range(100)])
        with client.get_queue_receiver("batch") as receiver:
            messages = receive(receiver, 100)
            equal("bodies", [text(m) for m in messages], [f"m{n}" for n in range(100)])
            equal("ids", [m.message_id for m in messages], [f"id-{n}" for n in range(100)])
            for message in messages:
                receiver.complete_message(message)


@check("A message of 200 kB crosses in several frames both ways", "AMQP protocol guide: transfers are split by max-frame-size")
def large(bus):
    sent = bytes(range(256)) * 800
    with bus.client() as client:
        bus.send(client, "large", sent)
        with client.get_queue_receiver("large") as receiver:
            message = receive_one(receiver)
            equal("size", len(body(message)), len(sent))
            equal("bytes are the same", body(message) == sent, True)
            receiver.complete_message(message)


@check("A message above 256 kB is refused as too large and the sender goes on", "Quotas: message size 256 KB (Standard tier)")
def too_large(bus):
    with bus.client() as client, client.get_queue_sender("too-large") as sender:
        refused("send", MessageSizeExceededError, lambda: sender.send_messages(ServiceBusMessage(b"x" * 300_000)))
        sender.send_messages(ServiceBusMessage("small"))
        with client.get_queue_receiver("too-large") as receiver:
            message = receive_one(receiver)
            equal("body", text(message), "small")
            receiver.complete_message(message)


@check("A batch takes no more than the entity's limit, and a full one is accepted", "Message batching: create_message_batch")
def batch_limit(bus):
    with bus.client() as client, client.get_queue_sender("batch-limit") as sender:
        batch = sender.create_message_batch()
        equal("limit", batch.max_size_in_bytes, MAX_MESSAGE_SIZE)

        def fill():
            while True:
                batch.add_message(ServiceBusMessage(b"x" * 10_000))

        refused("one more", MessageSizeExceededError, fill)
        between("messages in the batch", len(batch), 25, 26)
        sender.send_messages(batch)
        with client.get_queue_receiver("batch-limit") as receiver:
            messages = receive(receiver, len(batch))
            equal("sizes", {len(body(m)) for m in messages}, {10_000})
            for message in messages:
                receiver.complete_message(message)


@check("Application properties of every AMQP type come back as they were", "Messages and payloads: application properties")
def application_properties(bus):
    moment = datetime(2026, 7, 1, 12, 0, 0, 123000, tzinfo=timezone.utc)
    token = uuid.uuid4()
    typed = {
        "ubyte": (AMQPTypes.ubyte, 255),
        "ushort": (AMQPTypes.ushort, 65_535),
        "uint": (AMQPTypes.uint, 4_294_967_295),
        "ulong": (AMQPTypes.ulong, 2**64 - 1),
        "byte": (AMQPTypes.byte, -128),
        "short": (AMQPTypes.short, -32_768),
        "int": (AMQPTypes.int, -(2**31)),
        "long": (AMQPTypes.long, -(2**63)),
        "float": (AMQPTypes.float, 0.5),
        "double": (AMQPTypes.double, 1e300),
        "symbol": (AMQPTypes.symbol, "a-symbol"),
    }
    native = {"text": "ä€𝄞", "long text": "x" * 300, "empty": "", "yes": True, "no": False, "id": token, "null": None}
    sent = native | {key: {TYPE: kind, VALUE: value} for key, (kind, value) in typed.items()} | {"moment": moment}
    expected = native | {key: value for key, (_, value) in typed.items()} | {"moment": int(moment.timestamp() * 1000)}
    with bus.client() as client:
        bus.send(client, "properties", ServiceBusMessage("p", application_properties=sent))
        with client.get_queue_receiver("properties") as receiver:
            message = receive_one(receiver)
            equal("application properties", properties(message), expected)
            receiver.complete_message(message)


@check("The standard properties come back as they were", "Messages and payloads: broker properties")
def standard_properties(bus):
    sent = {
        "message_id": "id-ü",
        "subject": "order.placed",
        "content_type": "application/cloudevents+json",
        "correlation_id": "c-1",
        "to": "desk",
        "reply_to": "answers",
        "reply_to_session_id": "s-answer",
        "session_id": "s-1",
        "partition_key": "s-1",
        "time_to_live": timedelta(minutes=5),
    }
    with bus.client() as client:
        bus.send(client, "standard", ServiceBusMessage("p", **sent))
        with client.get_queue_receiver("standard") as receiver:
            message = receive_one(receiver)
            equal("properties", {name: getattr(message, name) for name in sent}, sent)
            equal("expires", message.expires_at_utc, message.enqueued_time_utc + timedelta(minutes=5))
            receiver.complete_message(message)


@check("Value, sequence, empty and multi-section bodies keep their form", "AMQP protocol guide: body sections")
def bodies(bus):
    value = {b"lines": [1, 2], b"note": None}
    with bus.client() as client, client.get_queue_sender("bodies") as sender:
        sender.send_messages(AmqpAnnotatedMessage(value_body=value))
        sender.send_messages(AmqpAnnotatedMessage(sequence_body=[["a", 1], [True]]))
        sender.send_messages(AmqpAnnotatedMessage(data_body=[b"one", b"two"]))
        sender.send_messages(ServiceBusMessage(b""))
        with client.get_queue_receiver("bodies") as receiver:
            got = receive(receiver, 4)
            kinds = [AmqpMessageBodyType.VALUE, AmqpMessageBodyType.SEQUENCE, AmqpMessageBodyType.DATA, AmqpMessageBodyType.DATA]
            equal("body types", [m.body_type for m in got], kinds)
            equal("value", got[0].body, value)
            equal("sequence", [list(section) for section in got[1].body], [[b"a", 1], [True]])
            equal("data sections", list(got[2].body), [b"one", b"two"])
            equal("empty", body(got[3]), b"")
            for message in got:
                receiver.complete_message(message)


@check("A message without an id is given one and can be settled", "Messages and payloads: message-id is optional for the sender")
def without_id(bus):
    with bus.client() as client:
        bus.send(client, "no-id", ServiceBusMessage("nameless"), ServiceBusMessage("nameless too"))
        with client.get_queue_receiver("no-id") as receiver:
            messages = receive(receiver, 2)
            equal("bodies", [text(m) for m in messages], ["nameless", "nameless too"])
            ids = {present("message id", m.message_id) for m in messages}
            equal("distinct ids", len(ids), 2)
            for message in messages:
                receiver.complete_message(message)
