// Peek, scheduled messages, expiry, duplicates, streams, and receiving where there is nothing.
import Long from "long";
import { setTimeout as pause } from "node:timers/promises";
import { bodies, bodiesAndCounts, completeAll, DEAD_LETTER, nothing, ONE_TRY, receive, receiveOne, send, texts } from "../bus.js";
import { between, check, equal, refused } from "../registry.js";

const FROM_START = { fromSequenceNumber: Long.ONE };

check("Peek shows messages in order without locking or counting", "Message browsing", (bus) =>
  bus.with(async (client) => {
    const receiver = client.createReceiver("peek");
    equal("peeked from the empty queue", await receiver.peekMessages(5), []);
    await send(client, "peek", { body: "a" }, { body: "b" }, { body: "c" });
    const peeked = await receiver.peekMessages(2, FROM_START);
    equal("first two", bodies(peeked), ["a", "b"]);
    equal("peek goes on where it was", bodies(await receiver.peekMessages(5)), ["c"]);
    const fromSecond = { fromSequenceNumber: peeked[1].sequenceNumber };
    equal("from a sequence number", bodies(await receiver.peekMessages(5, fromSecond)), ["b", "c"]);
    const messages = await receive(receiver, 3);
    equal("bodies and delivery counts", bodiesAndCounts(messages), [["a", 0], ["b", 0], ["c", 0]]);
    equal("locked messages are shown too", bodies(await receiver.peekMessages(5, FROM_START)), ["a", "b", "c"]);
    await completeAll(receiver, messages);
  }));

check("A scheduled message comes at its time and not before", "Message sequencing: scheduled messages", (bus) =>
  bus.with(async (client) => {
    const [receiver, sender] = [client.createReceiver("schedule"), client.createSender("schedule")];
    const due = new Date(Date.now() + 3_000);
    const numbers = await sender.scheduleMessages([{ body: "one" }, { body: "two" }], due);
    await sender.sendMessages({ body: "three", scheduledEnqueueTimeUtc: due });
    equal("two distinct sequence numbers", new Set(numbers.map(String)).size, 2);
    const peeked = await receiver.peekMessages(5, FROM_START);
    equal("states", peeked.map((m) => [m.body, m.state]), ["one", "two", "three"].map((body) => [body, "scheduled"]));
    await nothing(receiver);
    const messages = await receive(receiver, 3);
    between("received, in ms after the time", Date.now() - due, -50, 3_000);
    equal("bodies", bodies(messages).sort(), ["one", "three", "two"]);
    between("enqueued, in ms after the time", messages[0].enqueuedTimeUtc - due, -50, 3_000);
    equal("the time they were scheduled for", messages.map((m) => m.scheduledEnqueueTimeUtc), [due, due, due]);
    await completeAll(receiver, messages);
  }));

check("A cancelled scheduled message never comes", "Message sequencing: cancel scheduled messages", (bus) =>
  bus.with(async (client) => {
    const [receiver, sender] = [client.createReceiver("cancel"), client.createSender("cancel")];
    const [cancelled, kept] = await sender.scheduleMessages([{ body: "no" }, { body: "yes" }], new Date(Date.now() + 3_000));
    await sender.cancelScheduledMessages(cancelled);
    equal("what is scheduled", bodies(await receiver.peekMessages(5, FROM_START)), ["yes"]);
    await refused("cancel again", "MessageNotFound", () => sender.cancelScheduledMessages(cancelled));
    const message = await receiveOne(receiver);
    equal("body", message.body, "yes");
    await receiver.completeMessage(message);
    await nothing(receiver);
    await refused("cancel what was enqueued", "MessageNotFound", () => sender.cancelScheduledMessages(kept));
  }, ONE_TRY));

check("An expired message is not delivered", "Message expiration: time to live", (bus) =>
  bus.with(async (client) => {
    await send(client, "expire", { body: "short-lived", timeToLive: 1_000 }, { body: "lasting" });
    const receiver = client.createReceiver("expire");
    const until = Date.now() + 10_000;
    let left = await receiver.peekMessages(5, FROM_START);
    for (; left.length > 1 && Date.now() < until; left = await receiver.peekMessages(5, FROM_START)) await pause(200);
    equal("what is left", bodies(left), ["lasting"]);
    const message = await receiveOne(receiver);
    equal("body", message.body, "lasting");
    await receiver.completeMessage(message);
    await nothing(client.createReceiver("expire", DEAD_LETTER));
  }));

check("An expired message goes to the dead-letter queue where the queue says so", "Dead-letter queues: TTLExpiredException", (bus) =>
  bus.with(async (client) => {
    await send(client, "expire-dead-letter", { body: "short-lived", timeToLive: 1_000 });
    const dead = client.createReceiver("expire-dead-letter", DEAD_LETTER);
    const letter = await receiveOne(dead);
    equal("body and reason", [letter.body, letter.deadLetterReason], ["short-lived", "TTLExpiredException"]);
    await dead.completeMessage(letter);
  }));

check("A message's time to live is at most the queue's", "Message expiration: entity-level expiration", (bus) =>
  bus.with(async (client) => {
    await send(client, "default-ttl", { body: "long", timeToLive: 86_400_000 }, { body: "none" }, { body: "short", timeToLive: 120_000 });
    const receiver = client.createReceiver("default-ttl");
    const messages = await receive(receiver, 3);
    const lives = messages.map((m) => [m.body, m.expiresAtUtc - m.enqueuedTimeUtc]);
    equal("times to live", lives, [["long", 300_000], ["none", 300_000], ["short", 120_000]]);
    await completeAll(receiver, messages);
  }));

check("A second message with the same id is dropped where duplicates are detected", "Duplicate detection", (bus) =>
  bus.with(async (client) => {
    await send(client, "duplicates", { body: "a", messageId: "1" }, { body: "b", messageId: "1" }, { body: "c", messageId: "2" });
    const receiver = client.createReceiver("duplicates");
    const messages = await receive(receiver, 2);
    equal("bodies", bodies(messages), ["a", "c"]);
    await completeAll(receiver, messages);
    await send(client, "duplicates", { body: "after it was completed", messageId: "1" });
    await nothing(receiver);
  }));

check("Receiving from an empty queue returns on time with nothing", "Message transfers: receiveMessages with maxWaitTimeInMs", (bus) =>
  bus.with(async (client) => {
    const receiver = client.createReceiver("empty");
    for (const maxWaitTimeInMs of [1_000, 2_000]) {
      const begin = Date.now();
      equal("messages", await receiver.receiveMessages(10, { maxWaitTimeInMs }), []);
      between("ms", Date.now() - begin, maxWaitTimeInMs - 50, maxWaitTimeInMs + 2_000);
    }
    await send(client, "empty", { body: "one of ten" });
    const begin = Date.now();
    const messages = await receiver.receiveMessages(10, { maxWaitTimeInMs: 10_000 });
    equal("what is there", bodies(messages), ["one of ten"]);
    between("ms, not waiting for the other nine", Date.now() - begin, 0, 3_000);
    await completeAll(receiver, messages);
  }));

check("A subscriber processes as many messages at once as it asks for and completes them", "Message transfers: subscribe", (bus) =>
  bus.with(async (client) => {
    await send(client, "stream", texts(20).map((body) => ({ body })));
    const receiver = client.createReceiver("stream");
    const seen = [];
    let [running, most] = [0, 0];
    await new Promise((resolve, reject) => {
      const processMessage = async (message) => {
        most = Math.max(most, ++running);
        await pause(50);
        running -= 1;
        if (seen.push(message.body) === 20) resolve();
      };
      receiver.subscribe({ processMessage, processError: async ({ error }) => reject(error) }, { maxConcurrentCalls: 4 });
    });
    equal("bodies", seen.sort(), texts(20).sort());
    equal("at once", most, 4);
    await receiver.close();
    const after = client.createReceiver("stream");
    await nothing(after);
    equal("what is left", await after.peekMessages(5, FROM_START), []);
  }));

check("An iterating receiver takes messages one by one in order", "Message transfers: getMessageIterator", (bus) =>
  bus.with(async (client) => {
    const bodies = [];
    await send(client, "iterate", ...texts(5).map((body) => ({ body })));
    const receiver = client.createReceiver("iterate");
    for await (const message of receiver.getMessageIterator()) {
      bodies.push(message.body);
      await receiver.completeMessage(message);
      if (bodies.length === 5) break;
    }
    equal("bodies, in order", bodies, texts(5));
  }));

check("An entity that doesn't exist is reported as not found", "Messaging exceptions: MessagingEntityNotFound", (bus) =>
  bus.with(async (client) => {
    const missing = (what, call) => refused(what, "MessagingEntityNotFound", call);
    await missing("send", () => client.createSender("no-such-queue").sendMessages({ body: "x" }));
    await missing("receive", () => client.createReceiver("no-such-queue").receiveMessages(1, { maxWaitTimeInMs: 1_000 }));
    const subscription = client.createReceiver("t1", "no-such-subscription");
    await missing("subscription", () => subscription.receiveMessages(1, { maxWaitTimeInMs: 1_000 }));
  }, ONE_TRY));
