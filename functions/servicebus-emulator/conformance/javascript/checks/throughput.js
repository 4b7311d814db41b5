// Many messages, with the rates that this client gets.
import { receive, send } from "../bus.js";
import { check, equal } from "../registry.js";

const rate = (count, ms) => `${Math.round((count / ms) * 1_000).toLocaleString("en")}/s (${(ms / 1_000).toFixed(2)} s)`;

/** Sends `count` messages in batches, receives them by hundreds and completes each; returns the rates as text. */
async function move(client, count) {
  const sender = client.createSender("throughput");
  let begin = performance.now();
  let batch = await sender.createMessageBatch();
  for (let n = 0; n < count; n += 1) {
    const body = Buffer.alloc(256, "x");
    body.writeUInt32BE(n);
    if (!batch.tryAddMessage({ body })) {
      await sender.sendMessages(batch);
      batch = await sender.createMessageBatch();
      equal("the first of a batch fits", batch.tryAddMessage({ body }), true);
    }
  }
  await sender.sendMessages(batch);
  const sent = performance.now() - begin;
  begin = performance.now();
  const receiver = client.createReceiver("throughput", { maxAutoLockRenewalDurationInMs: 0 });
  const numbers = [];
  for (let got = 1; got > 0 && numbers.length < count; ) {
    const messages = await receiver.receiveMessages(500, { maxWaitTimeInMs: 10_000 });
    numbers.push(...messages.map((m) => m.body.readUInt32BE()));
    await Promise.all(messages.map((m) => receiver.completeMessage(m)));
    got = messages.length;
  }
  const received = performance.now() - begin;
  equal("how many", numbers.length, count);
  equal("every message once and in order", numbers.every((n, at) => n === at), true);
  return `send ${rate(count, sent)}, receive and complete ${rate(count, received)}`;
}

for (const count of [1_000, 100_000]) {
  const name = `${count.toLocaleString("en")} messages of 256 bytes are sent, received and completed in order`;
  check(name, "Throughput", (bus) => bus.with((client) => move(client, count)), { alone: true, messages: count });
}

check("More messages than the client's session window of 2,048 arrive in order", "AMQP protocol guide: flow control", (bus) =>
  bus.with(async (client) => {
    const numbers = Array.from({ length: 5_000 }, (_, n) => n);
    for (let at = 0; at < numbers.length; at += 1_000) {
      await send(client, "throughput", numbers.slice(at, at + 1_000).map((body) => ({ body })));
    }
    const receiver = client.createReceiver("throughput", { receiveMode: "receiveAndDelete" });
    const messages = await receive(receiver, numbers.length);
    equal("in order", messages.every((message, at) => message.body === numbers[at]), true);
  }), { alone: true });
