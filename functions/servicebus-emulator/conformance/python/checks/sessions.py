"""Sessions: one receiver holds a session, in order, with its state."""

import time
from datetime import timedelta

from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessage
from azure.servicebus.exceptions import OperationTimeoutError, ServiceBusError, SessionCannotBeLockedError, SessionLockLostError

from bus import ARRIVES_WITHIN, nothing, now, receive, receive_one, text
from registry import between, check, equal, present, refused


def of(session, *bodies):
    return [ServiceBusMessage(body, session_id=session) for body in bodies]


@check("A named session gives its own messages only, in order", "Message sessions: ordered processing")
def named(bus):
    with bus.client() as client:
        bus.send(client, "sessions", *of("named", "a1"), *of("other", "b1"), *of("named", "a2"), *of("named", "a3"))
        with client.get_queue_receiver("sessions", session_id="named") as receiver:
            equal("session id", receiver.session.session_id, "named")
            between("lock, in seconds", (receiver.session.locked_until_utc - now()).total_seconds(), 50, 60)
            first = receive_one(receiver)
            equal("body and session id", (text(first), first.session_id), ("a1", "named"))
            receiver.abandon_message(first)
            messages = receive(receiver, 3)
            order = [(text(m), m.delivery_count) for m in messages]
            equal("an abandoned message comes first again", order, [("a1", 1), ("a2", 0), ("a3", 0)])
            for message in messages:
                receiver.complete_message(message)
            nothing(receiver)
        with client.get_queue_receiver("sessions", session_id="other") as receiver:
            message = receive_one(receiver)
            equal("body", text(message), "b1")
            receiver.complete_message(message)


@check("The next available session is one that has messages and no holder", "Message sessions: accept next session")
def next_available(bus):
    with bus.client(retry_total=0) as client:
        accept = lambda wait: client.get_queue_receiver("sessions-next", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=wait)
        bus.send(client, "sessions-next", *of("n1", "one"), *of("n2", "two"))
        with accept(10) as first, accept(10) as second:
            got = {r.session.session_id: text(receive_one(r)) for r in (first, second)}
            equal("sessions", got, {"n1": "one", "n2": "two"})
            refused("a third one", OperationTimeoutError, lambda: accept(1).receive_messages(max_wait_time=1))


@check("Session state is kept for the next holder", "Message sessions: session state")
def state(bus):
    with bus.client() as client:
        with client.get_queue_receiver("sessions", session_id="stateful") as receiver:
            equal("state of a session that had none", receiver.session.get_state(), None)
            receiver.session.set_state(b"\x00step 2\xff")
        with client.get_queue_receiver("sessions", session_id="stateful") as receiver:
            equal("state", receiver.session.get_state(), b"\x00step 2\xff")
            receiver.session.set_state(None)
            equal("cleared state", receiver.session.get_state(), None)


@check("A session has one holder at a time, and closing frees it", "Message sessions: session lock")
def exclusive(bus):
    with bus.client(retry_total=0) as client:
        bus.send(client, "sessions", *of("held", "h1"))
        with client.get_queue_receiver("sessions", session_id="held") as holder:
            equal("body", text(receive_one(holder)), "h1")
            other = client.get_queue_receiver("sessions", session_id="held", max_wait_time=2)
            refused("a second holder", SessionCannotBeLockedError, lambda: other.receive_messages(max_wait_time=2))
        with client.get_queue_receiver("sessions", session_id="held") as receiver:
            message = receive_one(receiver)
            equal("body", text(message), "h1")
            receiver.complete_message(message)


@check("A renewed session lock ends later", "Message sessions: renew-session-lock")
def renew(bus):
    with bus.client() as client:
        with client.get_queue_receiver("sessions-lock", session_id="renewed") as receiver:
            first_end = receiver.session.locked_until_utc
            nothing(receiver, 2)
            renewed = receiver.session.renew_lock()
            between("gained, in seconds", (renewed - first_end).total_seconds(), 1.5, 5)
            nothing(receiver, (first_end - now()).total_seconds() + 0.5)
            equal("the first end has passed", now() > first_end, True)
            equal("the session is still held", receiver.session.get_state(), None)


@check("A session whose lock ended can be taken by another, and the first has lost it", "Messaging exceptions: SessionLockLost")
def lost(bus):
    with bus.client(retry_total=0) as client:
        bus.send(client, "sessions-lock", *of("lost", "l1"))
        with client.get_queue_receiver("sessions-lock", session_id="lost") as slow:
            message = receive_one(slow)
            end = slow.session.locked_until_utc
            with taken_when_free(client, "sessions-lock", "lost") as other:
                between("seconds from the lock's end to the other holder", (now() - end).total_seconds(), -0.05, 3)
                again = receive_one(other)
                equal("body", text(again), "l1")
                # This client refuses by its own clock first; with a later end it asks the broker.
                slow.session._locked_until_utc = now() + timedelta(minutes=1)
                refused("complete", SessionLockLostError, lambda: slow.complete_message(message))
                other.complete_message(again)


def taken_when_free(client, queue, session, within=ARRIVES_WITHIN):
    """The session's receiver, open, as soon as nobody else holds the session."""
    until = time.monotonic() + within
    while True:
        receiver = client.get_queue_receiver(queue, session_id=session)
        try:
            return receiver.__enter__()
        except SessionCannotBeLockedError:
            if time.monotonic() > until:
                raise


@check("Sessions work on a subscription, and those with messages are listed", "Message sessions: get-message-sessions")
def subscription(bus):
    with bus.client() as client:
        bus.publish(client, "session-topic", *of("x", "x1", "x2"), *of("y", "y1"))
        list_them = lambda: sorted(client.list_subscription_sessions("session-topic", "by-session"))
        equal("sessions", list_them(), ["x", "y"])
        with client.get_subscription_receiver("session-topic", "by-session", session_id="x") as receiver:
            messages = receive(receiver, 2)
            equal("bodies", [text(m) for m in messages], ["x1", "x2"])
            for message in messages:
                receiver.complete_message(message)
        equal("sessions", list_them(), ["y"])


@check("A session queue refuses messages and receivers without a session", "Message sessions: session-aware entities")
def without_session(bus):
    with bus.client(retry_total=0) as client:
        sender = client.get_queue_sender("sessions")
        error = refused("send", ServiceBusError, lambda: sender.send_messages(ServiceBusMessage("x")))
        equal("condition", present("condition", error._condition), "amqp:not-allowed")
        receiver = client.get_queue_receiver("sessions")
        error = refused("receive", ServiceBusError, lambda: receiver.receive_messages(max_wait_time=1))
        equal("condition", present("condition", error._condition), "amqp:not-allowed")
