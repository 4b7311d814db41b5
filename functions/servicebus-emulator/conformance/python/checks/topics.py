"""Topics: every subscription gets its copy, rules choose and change, entities forward."""

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.servicebus import ServiceBusMessage
from azure.servicebus.management import CorrelationRuleFilter, SqlRuleAction, SqlRuleFilter, TrueRuleFilter

from bus import nothing, properties, receive, receive_one, text
from registry import check, equal, refused


def drain(client, topic, subscription, count):
    """The `count` messages of a subscription, completed; fails if there are fewer or more."""
    with client.get_subscription_receiver(topic, subscription) as receiver:
        messages = receive(receiver, count) if count else []
        for message in messages:
            receiver.complete_message(message)
        nothing(receiver, 0.5)
        return messages


@check("Every subscription gets its own copy", "Queues, topics, subscriptions: fan-out")
def fan_out(bus):
    with bus.client() as client:
        bus.publish(client, "t1", ServiceBusMessage("news", message_id="id-news"))
        with client.get_subscription_receiver("t1", "s1") as first, client.get_subscription_receiver("t1", "s2") as second:
            one, two = receive_one(first), receive_one(second)
            equal("copies", [(text(m), m.message_id) for m in (one, two)], [("news", "id-news")] * 2)
            first.complete_message(one)
            second.abandon_message(two)
            again = receive_one(second)
            equal("the other copy's delivery count", again.delivery_count, 1)
            second.complete_message(again)
            nothing(first)


FILTERED = [
    ServiceBusMessage("order", content_type="application/json", subject="order.placed",
                      application_properties={"kind": "order", "amount": 150, "currency": "EUR", "customer": "Ada"}),
    ServiceBusMessage("text order", content_type="text/plain", application_properties={"kind": "order", "amount": 99, "currency": "EUR"}),
    ServiceBusMessage("invoice", subject="invoice", application_properties={"amount": 200, "currency": "USD", "priority": "low"}),
    ServiceBusMessage("answer", correlation_id="c-7", reply_to="desk", application_properties={"priority": "high"}),
    ServiceBusMessage("other answer", correlation_id="c-7", reply_to="door", application_properties={"amount": -1}),
]
"""What is published on the topic `filters`."""

EXPECTED = {
    "json-orders": ["order"],
    "invoices": ["invoice"],
    "one-thread": ["answer"],
    "big-amounts": ["order"],
    "named": ["order"],
    "urgent": ["answer"],
    "arithmetic": ["invoice", "other answer"],
    "either": ["order", "text order", "invoice"],
    "never": [],
}
"""Which bodies each subscription of `filters` gets: its rules are in Config.json."""


@check("Correlation and SQL filters choose what a subscription gets, once each", "Topic filters: correlation, SQL, unions")
def filters(bus):
    with bus.client() as client:
        bus.publish(client, "filters", *FILTERED)
        got = {name: [text(m) for m in drain(client, "filters", name, len(bodies))] for name, bodies in EXPECTED.items()}
        equal("bodies by subscription", got, EXPECTED)


@check("A rule's action changes its copy and no other", "Topic filters and actions: SQL rule actions")
def action(bus):
    raw = {"kind": "raw", "amount": 41, "secret": "s"}
    with bus.client() as client:
        bus.publish(client, "actions", ServiceBusMessage("a", subject="raw", application_properties=raw))
        (changed,) = drain(client, "actions", "changed", 1)
        equal("label", changed.subject, "cooked")
        equal("properties", properties(changed), {"kind": "raw", "amount": 42, "checked": True})
        (unchanged,) = drain(client, "actions", "unchanged", 1)
        equal("label", unchanged.subject, "raw")
        equal("properties", properties(unchanged), raw)
        copies = drain(client, "actions", "copies", 2)
        equal("a copy for each rule with an action", sorted(properties(m)["copy"] for m in copies), ["first", "second"])


@check("Rules are listed, added and removed at run time", "Topic filters: manage rules")
def rules(bus):
    names = lambda admin: sorted(rule.name for rule in admin.list_rules("rules", "changing"))
    with bus.client() as client, bus.admin() as admin:
        equal("rules at first", names(admin), ["$Default"])
        equal("the default filter", type(admin.get_rule("rules", "changing", "$Default").filter), TrueRuleFilter)
        correlation = CorrelationRuleFilter(label="blue", properties={"size": "big"})
        admin.create_rule("rules", "changing", "blue", filter=correlation)
        admin.create_rule(
            "rules", "changing", "five", filter=SqlRuleFilter("n = 5"), action=SqlRuleAction("SET found = 'five'")
        )
        admin.delete_rule("rules", "changing", "$Default")
        equal("rules", names(admin), ["blue", "five"])
        blue = admin.get_rule("rules", "changing", "blue").filter
        equal("correlation filter", (blue.label, blue.properties), ("blue", {"size": "big"}))
        five = admin.get_rule("rules", "changing", "five")
        equal("SQL rule", (five.filter.sql_expression, five.action.sql_expression), ("n = 5", "SET found = 'five'"))
        bus.publish(
            client, "rules",
            ServiceBusMessage("blue and big", subject="blue", application_properties={"size": "big"}),
            ServiceBusMessage("blue", subject="blue"),
            ServiceBusMessage("5", application_properties={"n": 5}),
        )
        blue_one, five_one = drain(client, "rules", "changing", 2)
        equal("bodies", [text(blue_one), text(five_one)], ["blue and big", "5"])
        equal("set by the action", properties(five_one).get("found"), "five")
        admin.delete_rule("rules", "changing", "five")
        bus.publish(client, "rules", ServiceBusMessage("5 again", application_properties={"n": 5}))
        drain(client, "rules", "changing", 0)
        refused("a removed rule", ResourceNotFoundError, lambda: admin.get_rule("rules", "changing", "five"))
        error = refused(
            "a filter that can't be read", HttpResponseError,
            lambda: admin.create_rule("rules", "changing", "bad", filter=SqlRuleFilter("amount >")),
        )
        equal("status", error.status_code, 400)
        equal("rules", names(admin), ["blue"])


@check("A queue and a subscription forward what they get", "Autoforwarding")
def forward(bus):
    with bus.client() as client:
        bus.send(client, "forward-first", ServiceBusMessage("on and on", message_id="id-on"))
        with client.get_queue_receiver("forward-last") as receiver:
            message = receive_one(receiver)
            equal("body, id, delivery count", (text(message), message.message_id, message.delivery_count), ("on and on", "id-on", 0))
            receiver.complete_message(message)
        bus.publish(client, "filters", ServiceBusMessage("from the topic", subject="onwards"))
        with client.get_queue_receiver("forward-last") as receiver:
            message = receive_one(receiver)
            equal("body and label", (text(message), message.subject), ("from the topic", "onwards"))
            receiver.complete_message(message)


@check("Dead letters are forwarded and say where they come from", "Autoforwarding: ForwardDeadLetteredMessagesTo")
def forward_dead_letters(bus):
    with bus.client() as client:
        bus.send(client, "forward-dead", "hopeless", "bad")
        with client.get_queue_receiver("forward-dead") as receiver:
            receiver.abandon_message(receive_one(receiver))
            receiver.dead_letter_message(receive_one(receiver), reason="Bad", error_description="very")
        with client.get_queue_receiver("dead-letters") as receiver:
            one, two = receive(receiver, 2)
            equal("bodies", [text(one), text(two)], ["hopeless", "bad"])
            equal("reasons", [one.dead_letter_reason, two.dead_letter_reason], ["MaxDeliveryCountExceeded", "Bad"])
            equal("description", two.dead_letter_error_description, "very")
            equal("sources", [one.dead_letter_source, two.dead_letter_source], ["forward-dead"] * 2)
            for message in (one, two):
                receiver.complete_message(message)
