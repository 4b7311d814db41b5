"""A lock keeps others away, ends, can be renewed, and a late settlement is refused."""

import threading
from datetime import timedelta

from azure.servicebus import AutoLockRenewer
from azure.servicebus.exceptions import MessageLockLostError

from bus import nothing, now, receive, receive_one, text
from registry import between, check, equal, present, refused

LOCK = 5.0
"""Seconds: the lock of the queues with a short one."""


def trust_the_broker(message):
    """This client refuses to settle after the lock's end by its own clock; with a later end it asks the broker."""
    message._expiry = now() + timedelta(minutes=1)


@check("A locked message is invisible to others until it is released", "Message transfers, locks: peek-lock is exclusive")
def exclusive(bus):
    with bus.client() as client:
        bus.send(client, "exclusive", "mine")
        with client.get_queue_receiver("exclusive") as holder, client.get_queue_receiver("exclusive") as other:
            message = receive_one(holder)
            between("lock, in seconds", (message.locked_until_utc - now()).total_seconds(), 50, 60)
            nothing(other)
            holder.abandon_message(message)
            again = receive_one(other)
            equal("body", text(again), "mine")
            other.complete_message(again)


@check("A message whose lock ended comes again with its delivery count raised", "Message settlement: lock expiry")
def lock_expiry(bus):
    with bus.client() as client:
        bus.send(client, "lock-expiry", "slow")
        with client.get_queue_receiver("lock-expiry") as slow, client.get_queue_receiver("lock-expiry") as other:
            message = receive_one(slow)
            until = message.locked_until_utc
            between("lock, in seconds", (until - now()).total_seconds(), LOCK - 2, LOCK)
            again = receive_one(other)
            between("seconds from the lock's end to redelivery", (now() - until).total_seconds(), -0.05, 3)
            equal("delivery count", again.delivery_count, 1)
            equal("sequence number", again.sequence_number, message.sequence_number)
            other.complete_message(again)


@check("A subscription's own lock duration holds", "Message settlement: lock duration is the subscription's")
def subscription_lock(bus):
    with bus.client() as client:
        bus.publish(client, "t2", "slow")
        with client.get_subscription_receiver("t2", "short") as receiver:
            message = receive_one(receiver)
            between("lock, in seconds", (message.locked_until_utc - now()).total_seconds(), LOCK - 2, LOCK)
            again = receive_one(receiver)
            equal("body and delivery count", (text(again), again.delivery_count), ("slow", 1))
            receiver.complete_message(again)


@check("Settling or renewing after the lock's end is refused as lock lost", "Messaging exceptions: MessageLockLost")
def settle_late(bus):
    with bus.client() as client:
        bus.send(client, "settle-late", "late")
        with client.get_queue_receiver("settle-late") as slow, client.get_queue_receiver("settle-late") as other:
            message = receive_one(slow)
            again = receive_one(other)
            refused("complete, by the client's clock", MessageLockLostError, lambda: slow.complete_message(message))
            trust_the_broker(message)
            refused("renew", MessageLockLostError, lambda: slow.renew_message_lock(message))
            refused("complete", MessageLockLostError, lambda: slow.complete_message(message))
            other.complete_message(again)
            nothing(other)


@check("A renewed lock holds beyond its first end", "Message settlement: renew-lock")
def renew(bus):
    with bus.client() as client:
        bus.send(client, "renew", "long work")
        with client.get_queue_receiver("renew") as holder, client.get_queue_receiver("renew") as other:
            message = receive_one(holder)
            first_end = message.locked_until_utc
            nothing(other, 2)
            renewed = holder.renew_message_lock(message)
            between("gained, in seconds", (renewed - first_end).total_seconds(), 1.5, LOCK)
            nothing(other, (first_end - now()).total_seconds() + 0.7)
            equal("the first end has passed", now() > first_end, True)
            holder.complete_message(message)
            nothing(other)


@check("The client's automatic renewal keeps a lock as long as it is asked to", "Message settlement: AutoLockRenewer")
def auto_renew(bus):
    with bus.client() as client, AutoLockRenewer(max_lock_renewal_duration=60) as renewer:
        bus.send(client, "auto-renew", "long work")
        with client.get_queue_receiver("auto-renew", auto_lock_renewer=renewer) as holder:
            message = receive_one(holder)
            first_end = message.locked_until_utc
            with client.get_queue_receiver("auto-renew") as other:
                nothing(other, LOCK * 2)
            between("gained, in seconds", (message.locked_until_utc - first_end).total_seconds(), LOCK, 3 * LOCK)
            equal("renewal error", message.auto_renew_error, None)
            holder.complete_message(message)
            nothing(holder)


@check("Closing a receiver gives its prefetched messages back at once, not counted as delivered", "Prefetch: closing the receiver")
def prefetch(bus):
    with bus.client() as client:
        bus.send(client, "prefetch", *[f"m{n}" for n in range(20)])
        with client.get_queue_receiver("prefetch", prefetch_count=20) as greedy:
            greedy.complete_message(receive_one(greedy))
        with client.get_queue_receiver("prefetch") as receiver:
            messages = receive(receiver, 19)
            equal("delivery counts", [m.delivery_count for m in messages], [0] * 19)
            equal("bodies", sorted(text(m) for m in messages), sorted(f"m{n}" for n in range(1, 20)))
            for message in messages:
                receiver.complete_message(message)


@check("Competing receivers get every message once", "Queues, topics: competing consumers")
def competing(bus):
    count = 100
    got = []
    with bus.client() as client:
        bus.send(client, "competing", *[f"m{n}" for n in range(count)])

        def work():
            with client.get_queue_receiver("competing", prefetch_count=5, max_wait_time=2) as receiver:
                for message in receiver:
                    receiver.complete_message(message)
                    got.append(text(message))

        workers = [threading.Thread(target=work, daemon=True) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        equal("messages, each once", sorted(got), sorted(f"m{n}" for n in range(count)))


@check("Every delivery has lock token, lock end, sequence number, enqueued time and delivery count", "Message sequencing")
def delivery_properties(bus):
    with bus.client() as client:
        begin = now()
        bus.send(client, "numbers", *[f"m{n}" for n in range(5)])
        with client.get_queue_receiver("numbers") as receiver:
            messages = receive(receiver, 5)
            equal("bodies, in order", [text(m) for m in messages], [f"m{n}" for n in range(5)])
            numbers = [m.sequence_number for m in messages]
            equal("sequence numbers grow", numbers, sorted(set(numbers)))
            equal("lock tokens differ", len({present("lock token", m.lock_token) for m in messages}), 5)
            times = [present("enqueued time", m.enqueued_time_utc) for m in messages]
            equal("enqueued times don't go back", times, sorted(times))
            between("first enqueued, in seconds from the send", (times[0] - begin).total_seconds(), -0.01, 10)
            equal("delivery counts", [m.delivery_count for m in messages], [0] * 5)
            equal("all locked for the future", all(m.locked_until_utc > now() for m in messages), True)
            for message in messages:
                receiver.complete_message(message)
