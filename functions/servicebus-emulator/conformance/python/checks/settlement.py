"""Complete, abandon, defer, dead-letter, and what becomes of the message."""

from azure.servicebus import ServiceBusMessage, ServiceBusMessageState
from azure.servicebus.exceptions import MessageNotFoundError

from bus import dead_letters, nothing, properties, receive, receive_and_delete, receive_one, text
from registry import check, equal, present, refused


@check("A completed message is gone", "Message settlement: complete removes the message")
def complete(bus):
    with bus.client() as client:
        bus.send(client, "complete", "first", "second")
        with client.get_queue_receiver("complete") as receiver:
            first = receive_one(receiver)
            equal("body", text(first), "first")
            receiver.complete_message(first)
            equal("what is left", [text(m) for m in receiver.peek_messages(10, sequence_number=1)], ["second"])
            receiver.complete_message(receive_one(receiver))
            nothing(receiver)
            equal("what is left", receiver.peek_messages(10, sequence_number=1), [])


@check("An abandoned message comes again with its delivery count raised", "Message settlement: abandon makes it available again")
def abandon(bus):
    with bus.client() as client:
        bus.send(client, "abandon", ServiceBusMessage("again", message_id="id-again"))
        with client.get_queue_receiver("abandon") as receiver:
            first = receive_one(receiver)
            number, token = first.sequence_number, first.lock_token
            equal("delivery count", first.delivery_count, 0)
            receiver.abandon_message(first)
            second = receive_one(receiver)
            equal("delivery count", second.delivery_count, 1)
            equal("id and sequence number", (second.message_id, second.sequence_number), ("id-again", number))
            equal("it has another lock token", second.lock_token != token, True)
            receiver.complete_message(second)
            nothing(receiver)


@check("A deferred message is received by its sequence number only", "Message deferral")
def defer(bus):
    with bus.client() as client:
        bus.send(client, "defer", "later", "sooner")
        with client.get_queue_receiver("defer") as receiver:
            later = receive_one(receiver)
            number = later.sequence_number
            receiver.defer_message(later)
            sooner = receive_one(receiver)
            equal("body", text(sooner), "sooner")
            receiver.complete_message(sooner)
            nothing(receiver)
            peeked = receiver.peek_messages(1, sequence_number=number)
            equal("state", [(text(m), m.state) for m in peeked], [("later", ServiceBusMessageState.DEFERRED)])
            (deferred,) = receiver.receive_deferred_messages([number])
            equal("body", text(deferred), "later")
            present("lock token", deferred.lock_token)
            receiver.complete_message(deferred)
            refused("again", MessageNotFoundError, lambda: receiver.receive_deferred_messages([number]))


@check("A deferred message can be abandoned and then dead-lettered with a reason", "AMQP request-response: update-disposition")
def defer_settle(bus):
    with bus.client() as client:
        bus.send(client, "defer-settle", "aside")
        with client.get_queue_receiver("defer-settle") as receiver:
            message = receive_one(receiver)
            number = message.sequence_number
            receiver.defer_message(message)
            (deferred,) = receiver.receive_deferred_messages([number])
            receiver.abandon_message(deferred)
            nothing(receiver)
            (deferred,) = receiver.receive_deferred_messages([number])
            receiver.dead_letter_message(deferred, reason="Unreadable", error_description="line 3 is not JSON")
            refused("again", MessageNotFoundError, lambda: receiver.receive_deferred_messages([number]))
        with dead_letters(client, "defer-settle") as dead:
            message = receive_one(dead)
            reason = (message.dead_letter_reason, message.dead_letter_error_description)
            equal("reason and description", reason, ("Unreadable", "line 3 is not JSON"))
            dead.complete_message(message)


@check("A dead-lettered message is in the dead-letter queue with reason, description and all it had", "Dead-letter queues")
def dead_letter(bus):
    with bus.client() as client:
        bus.send(client, "dead-letter", ServiceBusMessage("bad", message_id="id-bad", application_properties={"tries": 3}))
        with client.get_queue_receiver("dead-letter") as receiver:
            receiver.dead_letter_message(receive_one(receiver), reason="Poison", error_description="of no known type")
            nothing(receiver)
        with dead_letters(client, "dead-letter") as dead:
            message = receive_one(dead)
            reason = (message.dead_letter_reason, message.dead_letter_error_description)
            equal("reason and description", reason, ("Poison", "of no known type"))
            equal("body and id", (text(message), message.message_id), ("bad", "id-bad"))
            equal("own property", properties(message).get("tries"), 3)
            dead.complete_message(message)
            nothing(dead)


@check("A message delivered as often as allowed goes to the dead-letter queue", "Dead-letter queues: MaxDeliveryCountExceeded")
def max_delivery_count(bus):
    with bus.client() as client:
        bus.send(client, "max-delivery", "hopeless")
        with client.get_queue_receiver("max-delivery") as receiver:
            for count in range(2):
                message = receive_one(receiver)
                equal("delivery count", message.delivery_count, count)
                receiver.abandon_message(message)
            nothing(receiver)
        with dead_letters(client, "max-delivery") as dead:
            message = receive_one(dead)
            equal("body and reason", (text(message), message.dead_letter_reason), ("hopeless", "MaxDeliveryCountExceeded"))
            dead.complete_message(message)


@check("Receive-and-delete removes a message as it is delivered", "Message settlement: receive-and-delete")
def receive_and_delete_mode(bus):
    with bus.client() as client:
        bus.send(client, "receive-and-delete", "a", "b", "c")
        with receive_and_delete(client, "receive-and-delete") as receiver:
            messages = receive(receiver, 3)
            equal("bodies", [text(m) for m in messages], ["a", "b", "c"])
            equal("lock tokens", [m.lock_token for m in messages], [None] * 3)
            refused("complete", ValueError, lambda: receiver.complete_message(messages[0]))
        with client.get_queue_receiver("receive-and-delete") as receiver:
            nothing(receiver)
