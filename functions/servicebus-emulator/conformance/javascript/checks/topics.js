// Topics: every subscription gets its copy, rules choose and change, entities forward.
import { bodies, completeAll, nothing, receive, receiveOne, send } from "../bus.js";
import { check, equal, refused } from "../registry.js";

/** The `count` messages of a subscription, completed; fails if there are fewer or more. */
async function drain(client, topic, subscription, count) {
  const receiver = client.createReceiver(topic, subscription);
  const messages = count ? await receive(receiver, count) : [];
  await completeAll(receiver, messages);
  await nothing(receiver, 500);
  return messages;
}

const properties = (message) => ({ ...message.applicationProperties });

check("Every subscription gets its own copy", "Queues, topics, subscriptions: fan-out", (bus) =>
  bus.with(async (client) => {
    await send(client, "t1", { body: "news", messageId: "id-news" });
    const [first, second] = [client.createReceiver("t1", "s1"), client.createReceiver("t1", "s2")];
    const [one, two] = [await receiveOne(first), await receiveOne(second)];
    equal("copies", [one, two].map((m) => [m.body, m.messageId]), [["news", "id-news"], ["news", "id-news"]]);
    await first.completeMessage(one);
    await second.abandonMessage(two);
    const again = await receiveOne(second);
    equal("the other copy's delivery count", again.deliveryCount, 1);
    await second.completeMessage(again);
    await nothing(first);
  }));

/** What is published on the topic `filters`. */
const FILTERED = [
  { body: "order", contentType: "application/json", subject: "order.placed",
    applicationProperties: { kind: "order", amount: 150, currency: "EUR", customer: "Ada" } },
  { body: "text order", contentType: "text/plain", applicationProperties: { kind: "order", amount: 99, currency: "EUR" } },
  { body: "invoice", subject: "invoice", applicationProperties: { amount: 200, currency: "USD", priority: "low" } },
  { body: "answer", correlationId: "c-7", replyTo: "desk", applicationProperties: { priority: "high" } },
  { body: "other answer", correlationId: "c-7", replyTo: "door", applicationProperties: { amount: -1 } },
];

/** Which bodies each subscription of `filters` gets: its rules are in Config.json. */
const EXPECTED = {
  "json-orders": ["order"],
  invoices: ["invoice"],
  "one-thread": ["answer"],
  "big-amounts": ["order"],
  named: ["order"],
  urgent: ["answer"],
  arithmetic: ["invoice", "other answer"],
  either: ["order", "text order", "invoice"],
  never: [],
};

check("Correlation and SQL filters choose what a subscription gets, once each", "Topic filters: correlation, SQL, unions", (bus) =>
  bus.with(async (client) => {
    await send(client, "filters", ...FILTERED);
    const got = {};
    for (const [name, expected] of Object.entries(EXPECTED)) got[name] = bodies(await drain(client, "filters", name, expected.length));
    equal("bodies by subscription", got, EXPECTED);
  }));

check("A rule's action changes its copy and no other", "Topic filters and actions: SQL rule actions", (bus) =>
  bus.with(async (client) => {
    const applicationProperties = { kind: "raw", amount: 41, secret: "s" };
    await send(client, "actions", { body: "a", subject: "raw", applicationProperties });
    const [changed] = await drain(client, "actions", "changed", 1);
    equal("label", changed.subject, "cooked");
    equal("properties", properties(changed), { kind: "raw", amount: 42, checked: true });
    const [unchanged] = await drain(client, "actions", "unchanged", 1);
    equal("label", unchanged.subject, "raw");
    equal("properties", properties(unchanged), applicationProperties);
    const copies = (await drain(client, "actions", "copies", 2)).map((m) => m.applicationProperties.copy);
    equal("a copy for each rule with an action", copies.sort(), ["first", "second"]);
  }));

check("Rules are listed, added and removed over AMQP at run time", "AMQP request-response: rule operations", (bus) =>
  bus.with(async (client) => {
    const manager = client.createRuleManager("rules", "changing");
    const rules = async () => {
      const found = {};
      for await (const { name, filter, action } of manager.listRules()) found[name] = { filter, action };
      return found;
    };
    const first = await rules();
    equal("rules at first", Object.keys(first), ["$Default"]);
    equal("the default filter", first.$Default.filter.sqlExpression, "1=1");
    await manager.createRule("blue", { subject: "blue", applicationProperties: { size: "big" } });
    await manager.createRule("five", { sqlExpression: "n = 5" }, { sqlExpression: "SET found = 'five'" });
    await manager.deleteRule("$Default");
    const { blue, five, ...others } = await rules();
    equal("other rules", others, {});
    equal("correlation filter", [blue.filter.subject, { ...blue.filter.applicationProperties }], ["blue", { size: "big" }]);
    equal("SQL filter and action", [five.filter.sqlExpression, five.action.sqlExpression], ["n = 5", "SET found = 'five'"]);
    await send(client, "rules",
      { body: "blue and big", subject: "blue", applicationProperties: { size: "big" } },
      { body: "blue", subject: "blue" },
      { body: "5", applicationProperties: { n: 5 } });
    const [blueOne, fiveOne] = await drain(client, "rules", "changing", 2);
    equal("bodies", bodies([blueOne, fiveOne]), ["blue and big", "5"]);
    equal("set by the action", fiveOne.applicationProperties.found, "five");
    await manager.deleteRule("five");
    await send(client, "rules", { body: "5 again", applicationProperties: { n: 5 } });
    await drain(client, "rules", "changing", 0);
    await refused("the same name", "MessagingEntityAlreadyExists", () => manager.createRule("blue", { subject: "other" }));
    await refused("a rule that isn't there", "MessagingEntityNotFound", () => manager.deleteRule("five"));
    const error = await manager.createRule("bad", { sqlExpression: "amount >" }).then(() => undefined, (e) => e);
    equal("a filter that can't be read is refused", error instanceof Error, true);
    equal("rules", Object.keys(await rules()), ["blue"]);
  }, { retryOptions: { maxRetries: 0 } }));

check("A queue and a subscription forward what they get", "Autoforwarding", (bus) =>
  bus.with(async (client) => {
    await send(client, "forward-first", { body: "on and on", messageId: "id-on" });
    const receiver = client.createReceiver("forward-last");
    const message = await receiveOne(receiver);
    equal("body, id, delivery count", [message.body, message.messageId, message.deliveryCount], ["on and on", "id-on", 0]);
    await receiver.completeMessage(message);
    await send(client, "filters", { body: "from the topic", subject: "onwards" });
    const published = await receiveOne(receiver);
    equal("body and label", [published.body, published.subject], ["from the topic", "onwards"]);
    await receiver.completeMessage(published);
  }));

check("Dead letters are forwarded and say where they come from", "Autoforwarding: ForwardDeadLetteredMessagesTo", (bus) =>
  bus.with(async (client) => {
    await send(client, "forward-dead", { body: "hopeless" }, { body: "bad" });
    const receiver = client.createReceiver("forward-dead");
    await receiver.abandonMessage(await receiveOne(receiver));
    await receiver.deadLetterMessage(await receiveOne(receiver), { deadLetterReason: "Bad", deadLetterErrorDescription: "very" });
    const dead = client.createReceiver("dead-letters");
    const letters = await receive(dead, 2);
    equal("bodies", bodies(letters), ["hopeless", "bad"]);
    equal("reasons", letters.map((m) => m.deadLetterReason), ["MaxDeliveryCountExceeded", "Bad"]);
    equal("description", letters[1].deadLetterErrorDescription, "very");
    equal("sources", letters.map((m) => m.deadLetterSource), ["forward-dead", "forward-dead"]);
    await completeAll(dead, letters);
  }));
