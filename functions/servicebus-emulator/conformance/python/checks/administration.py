"""The administration client: what is there, how many messages it has, and entities made at run time."""

from datetime import timedelta

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.servicebus import ServiceBusMessage
from azure.servicebus.management import SqlRuleFilter

from bus import dead_letters, now, receive, receive_one, text
from registry import between, check, equal, refused


@check("Runtime counts of a queue are live", "Message counters: active, dead-letter, scheduled")
def counts(bus):
    def shown(admin):
        r = admin.get_queue_runtime_properties("counts")
        return r.active_message_count, r.dead_letter_message_count, r.scheduled_message_count, r.total_message_count

    with bus.client() as client, bus.admin() as admin:
        equal("at first", shown(admin), (0, 0, 0, 0))
        bus.send(client, "counts", "a", "b", "c", "d")
        later = now() + timedelta(minutes=10)
        bus.send(client, "counts", ServiceBusMessage("later", scheduled_enqueue_time_utc=later))
        equal("after sending", shown(admin), (4, 0, 1, 5))
        with client.get_queue_receiver("counts") as receiver:
            one, two = receive(receiver, 2)
            equal("locked messages count as active", shown(admin), (4, 0, 1, 5))
            receiver.dead_letter_message(one)
            receiver.complete_message(two)
            equal("after settling", shown(admin), (2, 1, 1, 4))
            for message in receive(receiver, 2):
                receiver.complete_message(message)
        with dead_letters(client, "counts") as dead:
            dead.complete_message(receive_one(dead))
        equal("at the end", shown(admin), (0, 0, 1, 1))


@check("Runtime counts of subscriptions are live and each its own", "Message counters: subscriptions")
def subscription_counts(bus):
    with bus.client() as client, bus.admin() as admin:
        bus.publish(client, "counted", "a", "b", "c")
        with client.get_subscription_receiver("counted", "here") as receiver:
            receiver.complete_message(receive_one(receiver))
            receiver.dead_letter_message(receive_one(receiver))
        shown = {
            r.name: (r.active_message_count, r.dead_letter_message_count, r.total_message_count)
            for r in admin.list_subscriptions_runtime_properties("counted")
        }
        equal("active, dead, all", shown, {"here": (1, 1, 2), "there": (3, 0, 3)})
        runtime = admin.get_subscription_runtime_properties("counted", "there")
        equal("one by one", runtime.active_message_count, 3)
        between("accessed, in seconds ago", (now() - runtime.accessed_at_utc).total_seconds(), -1, 86_400)
        equal("subscriptions of the topic", admin.get_topic_runtime_properties("counted").subscription_count, 2)


@check("Configured entities are shown with their properties", "Administration: get entities")
def get(bus):
    with bus.admin() as admin:
        queue = admin.get_queue("forward-dead")
        shown = (queue.name, queue.max_delivery_count, queue.lock_duration, queue.requires_session)
        equal("queue", shown, ("forward-dead", 1, timedelta(minutes=1), False))
        equal("its forwarding ends in", queue.forward_dead_lettered_messages_to.rsplit("/", 1)[-1], "dead-letters")
        equal("session queue", admin.get_queue("sessions").requires_session, True)
        duplicates = admin.get_queue("duplicates")
        window = (duplicates.requires_duplicate_detection, duplicates.duplicate_detection_history_time_window)
        equal("duplicate detection", window, (True, timedelta(minutes=5)))
        subscription = admin.get_subscription("t2", "short")
        shown = (subscription.name, subscription.lock_duration, subscription.max_delivery_count)
        equal("subscription", shown, ("short", timedelta(seconds=5), 3))
        refused("an unknown queue", ResourceNotFoundError, lambda: admin.get_queue("no-such-queue"))
        refused("an unknown subscription", ResourceNotFoundError, lambda: admin.get_subscription("t1", "no-such-one"))


@check("Entities are listed", "Administration: list entities")
def list_entities(bus):
    with bus.admin() as admin:
        equal("queues", {"one", "sessions", "throughput"} <= {q.name for q in admin.list_queues()}, True)
        equal("topics", {"t1", "t2", "filters"} <= {t.name for t in admin.list_topics()}, True)
        equal("subscriptions of t1", sorted(s.name for s in admin.list_subscriptions("t1")), ["s1", "s2"])
        equal("rules", [r.name for r in admin.list_rules("filters", "either")], ["first", "second"])


@check("A queue made at run time works until it is deleted", "Administration: create and delete a queue")
def queue(bus):
    with bus.client() as client, bus.admin() as admin:
        made = admin.create_queue("py-made", max_delivery_count=1, lock_duration=timedelta(seconds=30))
        equal("as asked", (made.name, made.max_delivery_count, made.lock_duration), ("py-made", 1, timedelta(seconds=30)))
        refused("twice", ResourceExistsError, lambda: admin.create_queue("py-made"))
        bus.send(client, "py-made", "first")
        with client.get_queue_receiver("py-made") as receiver:
            message = receive_one(receiver)
            between("lock, in seconds", (message.locked_until_utc - now()).total_seconds(), 25, 30)
            receiver.abandon_message(message)
        equal("dead letters", admin.get_queue_runtime_properties("py-made").dead_letter_message_count, 1)
        admin.delete_queue("py-made")
        refused("get", ResourceNotFoundError, lambda: admin.get_queue("py-made"))
        refused("delete", ResourceNotFoundError, lambda: admin.delete_queue("py-made"))


@check("A topic and a subscription made at run time work until they are deleted", "Administration: create and delete a topic")
def topic(bus):
    with bus.client() as client, bus.admin() as admin:
        admin.create_topic("py-topic")
        admin.create_subscription("py-topic", "all", max_delivery_count=5)
        admin.create_subscription("py-topic", "some")
        admin.create_rule("py-topic", "some", "some", filter=SqlRuleFilter("n > 1"))
        admin.delete_rule("py-topic", "some", "$Default")
        bus.publish(client, "py-topic", *[ServiceBusMessage(str(n), application_properties={"n": n}) for n in (1, 2)])
        for name, expected in (("all", ["1", "2"]), ("some", ["2"])):
            with client.get_subscription_receiver("py-topic", name) as receiver:
                messages = receive(receiver, len(expected))
                equal(name, [text(m) for m in messages], expected)
                for message in messages:
                    receiver.complete_message(message)
        equal("as asked", admin.get_subscription("py-topic", "all").max_delivery_count, 5)
        admin.delete_subscription("py-topic", "some")
        equal("subscriptions", [s.name for s in admin.list_subscriptions("py-topic")], ["all"])
        admin.delete_topic("py-topic")
        refused("get", ResourceNotFoundError, lambda: admin.get_topic("py-topic"))


@check("What is changed at run time holds for what is there already", "Administration: update a queue and a rule")
def update(bus):
    with bus.client() as client, bus.admin() as admin:
        changed = admin.create_queue("py-changed", max_delivery_count=5)
        bus.send(client, "py-changed", "first")
        changed.max_delivery_count, changed.lock_duration = 1, timedelta(seconds=30)
        admin.update_queue(changed)
        shown = admin.get_queue("py-changed")
        equal("as asked", (shown.max_delivery_count, shown.lock_duration), (1, timedelta(seconds=30)))
        with client.get_queue_receiver("py-changed") as receiver:
            message = receive_one(receiver)
            between("lock, in seconds", (message.locked_until_utc - now()).total_seconds(), 25, 30)
            receiver.abandon_message(message)
        equal("dead letters", admin.get_queue_runtime_properties("py-changed").dead_letter_message_count, 1)
        admin.create_topic("py-changed-topic")
        admin.create_subscription("py-changed-topic", "twos")
        rule = admin.get_rule("py-changed-topic", "twos", "$Default")
        rule.filter = SqlRuleFilter("n = 2")
        admin.update_rule("py-changed-topic", "twos", rule)
        bus.publish(client, "py-changed-topic", *[ServiceBusMessage(str(n), application_properties={"n": n}) for n in (1, 2)])
        equal("taken", admin.get_subscription_runtime_properties("py-changed-topic", "twos").active_message_count, 1)
        admin.delete_queue("py-changed")
        refused("an unknown queue", ResourceNotFoundError, lambda: admin.update_queue(changed))
