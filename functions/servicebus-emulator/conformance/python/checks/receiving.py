"""Peek, scheduled messages, expiry, duplicates, and receiving where there is nothing."""

import time
from datetime import timedelta

from azure.servicebus import ServiceBusMessage, ServiceBusMessageState
from azure.servicebus.exceptions import MessageNotFoundError, MessagingEntityNotFoundError

from bus import dead_letters, nothing, now, receive, receive_one, text
from registry import between, check, equal, refused


@check("Peek shows messages in order without locking or counting", "Message browsing")
def peek(bus):
    with bus.client() as client, client.get_queue_receiver("peek") as receiver:
        equal("peeked from the empty queue", receiver.peek_messages(5), [])
        bus.send(client, "peek", "a", "b", "c")
        peeked = receiver.peek_messages(2, sequence_number=1)
        equal("first two", [text(m) for m in peeked], ["a", "b"])
        rest = receiver.peek_messages(5)
        equal("peek goes on where it was", [text(m) for m in rest], ["c"])
        equal("from a sequence number", [text(m) for m in receiver.peek_messages(5, sequence_number=peeked[1].sequence_number)], ["b", "c"])
        messages = receive(receiver, 3)
        equal("bodies and delivery counts", [(text(m), m.delivery_count) for m in messages], [("a", 0), ("b", 0), ("c", 0)])
        equal("a locked message is shown too", [text(m) for m in receiver.peek_messages(5, sequence_number=1)], ["a", "b", "c"])
        for message in messages:
            receiver.complete_message(message)


@check("A scheduled message comes at its time and not before", "Message sequencing: scheduled messages")
def schedule(bus):
    with bus.client() as client, client.get_queue_receiver("schedule") as receiver, client.get_queue_sender("schedule") as sender:
        due = now() + timedelta(seconds=3)
        numbers = sender.schedule_messages([ServiceBusMessage("one"), ServiceBusMessage("two")], due)
        sender.send_messages(ServiceBusMessage("three", scheduled_enqueue_time_utc=due))
        equal("two distinct sequence numbers", len(set(numbers)), 2)
        peeked = receiver.peek_messages(5, sequence_number=1)
        equal("states", {text(m): m.state for m in peeked}, dict.fromkeys(["one", "two", "three"], ServiceBusMessageState.SCHEDULED))
        nothing(receiver)
        messages = receive(receiver, 3)
        between("received, in seconds after the time", (now() - due).total_seconds(), -0.05, 3)
        equal("bodies", sorted(text(m) for m in messages), ["one", "three", "two"])
        between("enqueued, in seconds after the time", (messages[0].enqueued_time_utc - due).total_seconds(), -0.05, 3)
        for message in messages:
            receiver.complete_message(message)


@check("A cancelled scheduled message never comes", "Message sequencing: cancel scheduled messages")
def cancel(bus):
    with bus.client() as client, client.get_queue_receiver("cancel") as receiver, client.get_queue_sender("cancel") as sender:
        due = now() + timedelta(seconds=3)
        cancelled, kept = sender.schedule_messages([ServiceBusMessage("no"), ServiceBusMessage("yes")], due)
        sender.cancel_scheduled_messages(cancelled)
        equal("what is scheduled", [text(m) for m in receiver.peek_messages(5, sequence_number=1)], ["yes"])
        refused("cancel again", MessageNotFoundError, lambda: sender.cancel_scheduled_messages(cancelled))
        message = receive_one(receiver)
        equal("body", text(message), "yes")
        receiver.complete_message(message)
        nothing(receiver)
        refused("cancel what was enqueued", MessageNotFoundError, lambda: sender.cancel_scheduled_messages(kept))


@check("An expired message is not delivered", "Message expiration: time to live")
def expire(bus):
    with bus.client() as client:
        bus.send(client, "expire", ServiceBusMessage("short-lived", time_to_live=timedelta(seconds=1)), "lasting")
        with client.get_queue_receiver("expire") as receiver:
            until = time.monotonic() + 10
            while len(left := receiver.peek_messages(5, sequence_number=1)) > 1 and time.monotonic() < until:
                time.sleep(0.2)
            equal("what is left", [text(m) for m in left], ["lasting"])
            message = receive_one(receiver)
            equal("body", text(message), "lasting")
            receiver.complete_message(message)
        with dead_letters(client, "expire") as dead:
            nothing(dead)


@check("An expired message goes to the dead-letter queue where the queue says so", "Dead-letter queues: TTLExpiredException")
def expire_dead_letter(bus):
    with bus.client() as client:
        bus.send(client, "expire-dead-letter", ServiceBusMessage("short-lived", time_to_live=timedelta(seconds=1)))
        with dead_letters(client, "expire-dead-letter") as dead:
            message = receive_one(dead)
            equal("body and reason", (text(message), message.dead_letter_reason), ("short-lived", "TTLExpiredException"))
            dead.complete_message(message)


@check("A message's time to live is at most the queue's", "Message expiration: entity-level expiration")
def default_ttl(bus):
    with bus.client() as client:
        bus.send(client, "default-ttl", ServiceBusMessage("long", time_to_live=timedelta(days=1)), "none")
        bus.send(client, "default-ttl", ServiceBusMessage("short", time_to_live=timedelta(minutes=2)))
        with client.get_queue_receiver("default-ttl") as receiver:
            messages = receive(receiver, 3)
            lives = [(text(m), m.time_to_live) for m in messages]
            minutes = [("long", timedelta(minutes=5)), ("none", timedelta(minutes=5)), ("short", timedelta(minutes=2))]
            equal("times to live", lives, minutes)
            for message in messages:
                receiver.complete_message(message)


@check("A second message with the same id is dropped where duplicates are detected", "Duplicate detection")
def duplicates(bus):
    with bus.client() as client:
        bus.send(client, "duplicates", *[ServiceBusMessage(b, message_id=i) for b, i in [("a", "1"), ("b", "1"), ("c", "2")]])
        with client.get_queue_receiver("duplicates") as receiver:
            messages = receive(receiver, 2)
            equal("bodies", [text(m) for m in messages], ["a", "c"])
            for message in messages:
                receiver.complete_message(message)
            bus.send(client, "duplicates", ServiceBusMessage("after it was completed", message_id="1"))
            nothing(receiver)


@check("Receiving from an empty queue returns on time with nothing", "Message transfers: receive with max_wait_time")
def empty(bus):
    with bus.client() as client, client.get_queue_receiver("empty") as receiver:
        for wait in (1.0, 2.0):
            begin = time.monotonic()
            equal("messages", receiver.receive_messages(max_message_count=10, max_wait_time=wait), [])
            between("seconds", time.monotonic() - begin, wait - 0.05, wait + 2)
        bus.send(client, "empty", "one of ten")
        begin = time.monotonic()
        messages = receiver.receive_messages(max_message_count=10, max_wait_time=10)
        equal("what is there", [text(m) for m in messages], ["one of ten"])
        between("seconds, not waiting for the other nine", time.monotonic() - begin, 0, 3)
        receiver.complete_message(messages[0])


@check("An iterating receiver takes what comes and ends after its wait", "Message transfers: iterate over a receiver")
def iterate(bus):
    with bus.client() as client:
        bus.send(client, "stream", *[f"m{n}" for n in range(10)])
        with client.get_queue_receiver("stream", max_wait_time=1) as receiver:
            bodies = []
            for message in receiver:
                bodies.append(text(message))
                receiver.complete_message(message)
            equal("bodies, in order", bodies, [f"m{n}" for n in range(10)])
            equal("what is left", receiver.peek_messages(5, sequence_number=1), [])


@check("An entity that doesn't exist is reported as not found", "Messaging exceptions: MessagingEntityNotFound")
def unknown(bus):
    with bus.client() as client:
        sender = client.get_queue_sender("no-such-queue")
        refused("send", MessagingEntityNotFoundError, lambda: sender.send_messages(ServiceBusMessage("x")))
        receiver = client.get_queue_receiver("no-such-queue")
        refused("receive", MessagingEntityNotFoundError, lambda: receiver.receive_messages(max_wait_time=1))
        receiver = client.get_subscription_receiver("t1", "no-such-subscription")
        refused("subscription", MessagingEntityNotFoundError, lambda: receiver.receive_messages(max_wait_time=1))
