"""Many messages, with the rates that this client gets."""

import time

from azure.servicebus import ServiceBusMessage

from bus import body
from registry import check, equal


def move(bus, count):
    """Sends `count` messages in batches, receives and completes them one by one; returns the rates as text.

    What opening and closing take is not counted: this client sleeps a second when it closes."""
    with bus.client() as client, client.get_queue_sender("throughput") as sender:
        begin = time.monotonic()
        batch = sender.create_message_batch()
        for n in range(count):
            message = ServiceBusMessage(n.to_bytes(4, "big") + b"x" * 252)
            try:
                batch.add_message(message)
            except ValueError:
                sender.send_messages(batch)
                batch = sender.create_message_batch()
                batch.add_message(message)
        sender.send_messages(batch)
        sent = time.monotonic() - begin
        with client.get_queue_receiver("throughput", prefetch_count=500, max_wait_time=10) as receiver:
            begin = time.monotonic()
            numbers = []
            while len(numbers) < count and (messages := receiver.receive_messages(max_message_count=500)):
                for message in messages:
                    numbers.append(int.from_bytes(body(message)[:4], "big"))
                    receiver.complete_message(message)
            received = time.monotonic() - begin
        equal("how many", len(numbers), count)
        equal("every message once and in order", numbers == list(range(count)), True)
        return f"send {count / sent:,.0f}/s ({sent:.2f} s), receive and complete {count / received:,.0f}/s ({received:.2f} s)"


@check("1,000 messages of 256 bytes are sent, received and completed in order", "Throughput", alone=True, messages=1_000)
def thousand(bus):
    return move(bus, 1_000)


@check("100,000 messages of 256 bytes are sent, received and completed in order", "Throughput", alone=True, messages=100_000)
def hundred_thousand(bus):
    return move(bus, 100_000)
