// A lock keeps others away, ends, can be renewed, and a late settlement is refused.
import {
  bodies, bodiesAndCounts, completeAll, DEAD_LETTER, nothing, NO_RENEWAL, reason, receive, receiveOne, send, texts, untilPast,
} from "../bus.js";
import { between, check, equal, present, refused } from "../registry.js";

/** Milliseconds: the lock of the queues with a short one. */
const LOCK = 5_000;

check("A locked message is invisible to others until it is released", "Message transfers, locks: peek-lock is exclusive", (bus) =>
  bus.with(async (client) => {
    await send(client, "exclusive", { body: "mine" });
    const holder = client.createReceiver("exclusive", NO_RENEWAL);
    const other = client.createReceiver("exclusive", NO_RENEWAL);
    const message = await receiveOne(holder);
    between("lock, in ms", message.lockedUntilUtc - Date.now(), 50_000, 60_000);
    await nothing(other);
    await holder.abandonMessage(message);
    const again = await receiveOne(other);
    equal("body", again.body, "mine");
    await other.completeMessage(again);
  }));

check("A message whose lock ended comes again with its delivery count raised", "Message settlement: lock expiry", (bus) =>
  bus.with(async (client) => {
    await send(client, "lock-expiry", { body: "slow" });
    const slow = client.createReceiver("lock-expiry", NO_RENEWAL);
    const other = client.createReceiver("lock-expiry", NO_RENEWAL);
    const message = await receiveOne(slow);
    between("lock, in ms", message.lockedUntilUtc - Date.now(), LOCK - 2_000, LOCK);
    const again = await receiveOne(other);
    between("ms from the lock's end to redelivery", Date.now() - message.lockedUntilUtc, -50, 3_000);
    equal("delivery count", again.deliveryCount, 1);
    equal("sequence number", again.sequenceNumber.toString(), message.sequenceNumber.toString());
    await other.completeMessage(again);
  }));

check("A subscription's own lock duration holds", "Message settlement: lock duration is the subscription's", (bus) =>
  bus.with(async (client) => {
    await send(client, "t2", { body: "slow" });
    const receiver = client.createReceiver("t2", "short", NO_RENEWAL);
    const message = await receiveOne(receiver);
    between("lock, in ms", message.lockedUntilUtc - Date.now(), LOCK - 2_000, LOCK);
    const again = await receiveOne(receiver);
    equal("body and delivery count", bodiesAndCounts([again]), [["slow", 1]]);
    await receiver.completeMessage(again);
  }));

check("Settling or renewing after the lock's end is refused as lock lost", "Messaging exceptions: MessageLockLost", (bus) =>
  bus.with(async (client) => {
    await send(client, "settle-late", { body: "late" });
    const slow = client.createReceiver("settle-late", NO_RENEWAL);
    const other = client.createReceiver("settle-late", NO_RENEWAL);
    const message = await receiveOne(slow);
    const again = await receiveOne(other);
    await refused("renew", "MessageLockLost", () => slow.renewMessageLock(message));
    await refused("complete", "MessageLockLost", () => slow.completeMessage(message));
    await other.completeMessage(again);
    await nothing(other);
  }, { retryOptions: { maxRetries: 0 } }));

check("A renewed lock holds beyond its first end", "Message settlement: renew-lock", (bus) =>
  bus.with(async (client) => {
    await send(client, "renew", { body: "long work" });
    const holder = client.createReceiver("renew", NO_RENEWAL);
    const other = client.createReceiver("renew", NO_RENEWAL);
    const message = await receiveOne(holder);
    const firstEnd = message.lockedUntilUtc;
    await nothing(other, 2_000);
    const renewed = await holder.renewMessageLock(message);
    between("gained, in ms", renewed - firstEnd, 1_500, LOCK);
    await nothing(other, untilPast(firstEnd, 700));
    equal("the first end has passed", Date.now() > firstEnd, true);
    await holder.completeMessage(message);
    await nothing(other);
  }));

check("The client's automatic renewal keeps a lock as long as it is asked to", "Message settlement: auto lock renewal", (bus) =>
  bus.with(async (client) => {
    await send(client, "auto-renew", { body: "long work" });
    const holder = client.createReceiver("auto-renew", { maxAutoLockRenewalDurationInMs: 60_000 });
    const message = await receiveOne(holder);
    const firstEnd = message.lockedUntilUtc.getTime();
    await nothing(client.createReceiver("auto-renew", NO_RENEWAL), LOCK * 2);
    between("gained, in ms", message.lockedUntilUtc - firstEnd, LOCK, 3 * LOCK);
    await holder.completeMessage(message);
    await nothing(holder);
  }));

check("A message stays locked when its receiver closes, and its token still settles it", "AMQP request-response: dispositions", (bus) =>
  bus.with(async (client) => {
    await send(client, "prefetch", ...texts(3).map((body) => ({ body })));
    const first = client.createReceiver("prefetch", NO_RENEWAL);
    const messages = await receive(first, 2);
    await first.close();
    const other = client.createReceiver("prefetch", NO_RENEWAL);
    const third = await receiveOne(other);
    equal("the one that was not locked", third.body, "m2");
    await nothing(other);
    await other.completeMessage(messages[0]);
    await other.deadLetterMessage(messages[1], { deadLetterReason: "Late", deadLetterErrorDescription: "its receiver had closed" });
    const dead = client.createReceiver("prefetch", DEAD_LETTER);
    const letter = await receiveOne(dead);
    equal("dead letter", [letter.body, ...reason(letter)], ["m1", "Late", "its receiver had closed"]);
    await dead.completeMessage(letter);
    await other.completeMessage(third);
    await nothing(other);
  }));

check("Competing receivers get every message once", "Queues, topics: competing consumers", (bus) =>
  bus.with(async (client) => {
    await send(client, "competing", texts(100).map((body) => ({ body })));
    const got = [];
    const work = async () => {
      const receiver = client.createReceiver("competing");
      for (let empty = false; !empty; ) {
        const messages = await receiver.receiveMessages(5, { maxWaitTimeInMs: 1_500 });
        await completeAll(receiver, messages);
        got.push(...bodies(messages));
        empty = messages.length === 0;
      }
    };
    await Promise.all([work(), work(), work()]);
    equal("messages, each once", got.sort(), texts(100).sort());
  }));

check("Every delivery has lock token, lock end, sequence number, enqueued time and delivery count", "Message sequencing", (bus) =>
  bus.with(async (client) => {
    const begin = Date.now();
    await send(client, "numbers", ...texts(5).map((body) => ({ body })));
    const receiver = client.createReceiver("numbers");
    const messages = await receive(receiver, 5);
    equal("bodies, in order", bodies(messages), texts(5));
    const numbers = messages.map((m) => present("sequence number", m.sequenceNumber).toNumber());
    equal("sequence numbers grow", numbers, [...new Set(numbers)].sort((a, b) => a - b));
    equal("lock tokens differ", new Set(messages.map((m) => present("lock token", m.lockToken))).size, 5);
    const times = messages.map((m) => present("enqueued time", m.enqueuedTimeUtc).getTime());
    equal("enqueued times don't go back", times, [...times].sort((a, b) => a - b));
    between("first enqueued, in ms from the send", times[0] - begin, -10, 10_000);
    equal("delivery counts", messages.map((m) => m.deliveryCount), [0, 0, 0, 0, 0]);
    equal("all locked for the future", messages.every((m) => m.lockedUntilUtc > Date.now()), true);
    await completeAll(receiver, messages);
  }));
