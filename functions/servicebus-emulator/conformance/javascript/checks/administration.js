// The administration client: what is there, how many messages it has, and entities made at run time.
import { bodies, completeAll, DEAD_LETTER, receive, receiveOne, send } from "../bus.js";
import { between, check, equal, refused } from "../registry.js";

async function all(list) {
  const found = [];
  for await (const item of list) found.push(item);
  return found;
}

/** This client gives an HTTP status for what isn't there and a code for what is there already. */
async function missing(what, call) {
  const error = await call().then(() => undefined, (e) => e);
  equal(`${what}: status`, error?.statusCode, 404);
}

check("Runtime counts of a queue are live", "Message counters: active, dead-letter, scheduled", (bus) =>
  bus.with(async (client) => {
    const admin = bus.admin();
    const shown = async () => {
      const r = await admin.getQueueRuntimeProperties("counts");
      return [r.activeMessageCount, r.deadLetterMessageCount, r.scheduledMessageCount, r.totalMessageCount];
    };
    equal("at first", await shown(), [0, 0, 0, 0]);
    await send(client, "counts", ...["a", "b", "c", "d"].map((body) => ({ body })));
    await send(client, "counts", { body: "later", scheduledEnqueueTimeUtc: new Date(Date.now() + 600_000) });
    equal("after sending", await shown(), [4, 0, 1, 5]);
    const receiver = client.createReceiver("counts");
    const [one, two] = await receive(receiver, 2);
    equal("locked messages count as active", await shown(), [4, 0, 1, 5]);
    await receiver.deadLetterMessage(one);
    await receiver.completeMessage(two);
    equal("after settling", await shown(), [2, 1, 1, 4]);
    await completeAll(receiver, await receive(receiver, 2));
    const dead = client.createReceiver("counts", DEAD_LETTER);
    await dead.completeMessage(await receiveOne(dead));
    equal("at the end", await shown(), [0, 0, 1, 1]);
  }));

check("Runtime counts of subscriptions are live and each its own", "Message counters: subscriptions", (bus) =>
  bus.with(async (client) => {
    const admin = bus.admin();
    await send(client, "counted", { body: "a" }, { body: "b" }, { body: "c" });
    const receiver = client.createReceiver("counted", "here");
    await receiver.completeMessage(await receiveOne(receiver));
    await receiver.deadLetterMessage(await receiveOne(receiver));
    const shown = (await all(admin.listSubscriptionsRuntimeProperties("counted"))).map((r) => [
      r.subscriptionName, r.activeMessageCount, r.deadLetterMessageCount, r.totalMessageCount,
    ]);
    equal("active, dead, all", shown.sort(), [["here", 1, 1, 2], ["there", 3, 0, 3]]);
    const runtime = await admin.getSubscriptionRuntimeProperties("counted", "there");
    equal("one by one", [runtime.topicName, runtime.activeMessageCount], ["counted", 3]);
    between("accessed, in ms ago", Date.now() - runtime.accessedAt, -1_000, 86_400_000);
    equal("subscriptions of the topic", (await admin.getTopicRuntimeProperties("counted")).subscriptionCount, 2);
  }));

check("Configured entities are shown with their properties", "Administration: get entities", async (bus) => {
  const admin = bus.admin();
  const queue = await admin.getQueue("forward-dead");
  equal("queue", [queue.name, queue.maxDeliveryCount, queue.lockDuration, queue.requiresSession], ["forward-dead", 1, "PT1M", false]);
  equal("its forwarding ends in", queue.forwardDeadLetteredMessagesTo.split("/").at(-1), "dead-letters");
  equal("session queue", (await admin.getQueue("sessions")).requiresSession, true);
  const duplicates = await admin.getQueue("duplicates");
  const window = [duplicates.requiresDuplicateDetection, duplicates.duplicateDetectionHistoryTimeWindow];
  equal("duplicate detection", window, [true, "PT5M"]);
  const subscription = await admin.getSubscription("t2", "short");
  const shown = [subscription.subscriptionName, subscription.lockDuration, subscription.maxDeliveryCount];
  equal("subscription", shown, ["short", "PT5S", 3]);
  equal("existence", [await admin.queueExists("one"), await admin.queueExists("no-such-queue")], [true, false]);
  await missing("an unknown queue", () => admin.getQueue("no-such-queue"));
  await missing("an unknown subscription", () => admin.getSubscription("t1", "no-such-one"));
});

check("Entities are listed", "Administration: list entities", async (bus) => {
  const admin = bus.admin();
  const queues = (await all(admin.listQueues())).map((q) => q.name);
  equal("queues", ["one", "sessions", "throughput"].filter((name) => !queues.includes(name)), []);
  const topics = (await all(admin.listTopics())).map((t) => t.name);
  equal("topics", ["t1", "t2", "filters"].filter((name) => !topics.includes(name)), []);
  equal("subscriptions of t1", (await all(admin.listSubscriptions("t1"))).map((s) => s.subscriptionName).sort(), ["s1", "s2"]);
  equal("rules", (await all(admin.listRules("filters", "either"))).map((r) => r.name), ["first", "second"]);
});

check("A queue made at run time works until it is deleted", "Administration: create and delete a queue", (bus) =>
  bus.with(async (client) => {
    const admin = bus.admin();
    const made = await admin.createQueue("js-made", { maxDeliveryCount: 1, lockDuration: "PT30S" });
    equal("as asked", [made.name, made.maxDeliveryCount, made.lockDuration], ["js-made", 1, "PT30S"]);
    await refused("twice", "MessageEntityAlreadyExistsError", () => admin.createQueue("js-made"));
    await send(client, "js-made", { body: "first" });
    const receiver = client.createReceiver("js-made");
    const message = await receiveOne(receiver);
    between("lock, in ms", message.lockedUntilUtc - Date.now(), 25_000, 30_000);
    await receiver.abandonMessage(message);
    equal("dead letters", (await admin.getQueueRuntimeProperties("js-made")).deadLetterMessageCount, 1);
    await admin.deleteQueue("js-made");
    await missing("get", () => admin.getQueue("js-made"));
    await missing("delete", () => admin.deleteQueue("js-made"));
  }));

check("A topic and a subscription made at run time work until they are deleted", "Administration: create and delete a topic", (bus) =>
  bus.with(async (client) => {
    const admin = bus.admin();
    await admin.createTopic("js-topic");
    await admin.createSubscription("js-topic", "all", { maxDeliveryCount: 5 });
    await admin.createSubscription("js-topic", "some", { defaultRuleOptions: { name: "some", filter: { sqlExpression: "n > 1" } } });
    await send(client, "js-topic", ...[1, 2].map((n) => ({ body: `${n}`, applicationProperties: { n } })));
    for (const [name, expected] of [["all", ["1", "2"]], ["some", ["2"]]]) {
      const receiver = client.createReceiver("js-topic", name);
      const messages = await receive(receiver, expected.length);
      equal(name, bodies(messages), expected);
      await completeAll(receiver, messages);
    }
    equal("as asked", (await admin.getSubscription("js-topic", "all")).maxDeliveryCount, 5);
    await admin.deleteSubscription("js-topic", "some");
    equal("subscriptions", (await all(admin.listSubscriptions("js-topic"))).map((s) => s.subscriptionName), ["all"]);
    await admin.deleteTopic("js-topic");
    await missing("get", () => admin.getTopic("js-topic"));
  }));

check("What is changed at run time holds for what is there already", "Administration: update a queue and a rule", (bus) =>
  bus.with(async (client) => {
    const admin = bus.admin();
    const made = await admin.createQueue("js-changed", { maxDeliveryCount: 5 });
    await send(client, "js-changed", { body: "first" });
    await admin.updateQueue({ ...made, maxDeliveryCount: 1, lockDuration: "PT30S" });
    const shown = await admin.getQueue("js-changed");
    equal("as asked", [shown.maxDeliveryCount, shown.lockDuration], [1, "PT30S"]);
    const receiver = client.createReceiver("js-changed");
    const message = await receiveOne(receiver);
    between("lock, in ms", message.lockedUntilUtc - Date.now(), 25_000, 30_000);
    await receiver.abandonMessage(message);
    equal("dead letters", (await admin.getQueueRuntimeProperties("js-changed")).deadLetterMessageCount, 1);
    await admin.createTopic("js-changed-topic");
    await admin.createSubscription("js-changed-topic", "twos");
    const rule = await admin.getRule("js-changed-topic", "twos", "$Default");
    await admin.updateRule("js-changed-topic", "twos", { ...rule, filter: { sqlExpression: "n = 2" } });
    await send(client, "js-changed-topic", ...[1, 2].map((n) => ({ body: `${n}`, applicationProperties: { n } })));
    const taken = await admin.getSubscriptionRuntimeProperties("js-changed-topic", "twos");
    equal("taken", taken.activeMessageCount, 1);
    await missing("an unknown queue", () => admin.updateQueue({ ...made, name: "no-such-queue" }));
  }));
