// What is sent arrives as it was sent, and what is too large is refused.
import { bodies, completeAll, receive, receiveOne, send, texts } from "../bus.js";
import { between, check, equal, present, refused } from "../registry.js";

/** Bytes; Service Bus quotas: 256 KB in the Standard tier. */
const MAX_MESSAGE_SIZE = 262_144;

check("A message arrives with its body", "Message transfers: send, receive under peek-lock, complete", (bus) =>
  bus.with(async (client) => {
    await send(client, "one", { body: { order: 7, lines: ["tea"] } });
    const receiver = client.createReceiver("one");
    const message = await receiveOne(receiver);
    equal("body", message.body, { order: 7, lines: ["tea"] });
    await receiver.completeMessage(message);
  }));

check("A list of messages is sent as one batch and arrives as single messages in order", "Message batching: batched send", (bus) =>
  bus.with(async (client) => {
    await send(client, "batch", texts(100).map((body) => ({ body, messageId: `id-${body}` })));
    const receiver = client.createReceiver("batch");
    const messages = await receive(receiver, 100);
    equal("bodies", bodies(messages), texts(100));
    equal("ids", messages.map((m) => m.messageId), texts(100).map((body) => `id-${body}`));
    await completeAll(receiver, messages);
  }));

check("A message of 200 kB crosses in several frames both ways", "AMQP protocol guide: transfers are split by max-frame-size", (bus) =>
  bus.with(async (client) => {
    const sent = Buffer.alloc(200_000, Buffer.from(Array.from({ length: 251 }, (_, n) => n)));
    await send(client, "large", { body: sent });
    const receiver = client.createReceiver("large");
    const message = await receiveOne(receiver);
    equal("size", message.body.length, sent.length);
    equal("bytes are the same", sent.equals(message.body), true);
    await receiver.completeMessage(message);
  }));

check("A message above 256 kB is refused as too large and the sender goes on", "Quotas: message size 256 KB (Standard tier)", (bus) =>
  bus.with(async (client) => {
    const sender = client.createSender("too-large");
    await refused("send", "MessageSizeExceeded", () => sender.sendMessages({ body: Buffer.alloc(300_000) }));
    await sender.sendMessages({ body: "small" });
    const receiver = client.createReceiver("too-large");
    const message = await receiveOne(receiver);
    equal("body", message.body, "small");
    await receiver.completeMessage(message);
  }));

check("A batch takes no more than the entity's limit, and a full one is accepted", "Message batching: createMessageBatch", (bus) =>
  bus.with(async (client) => {
    const sender = client.createSender("batch-limit");
    const batch = await sender.createMessageBatch();
    equal("limit", batch.maxSizeInBytes, MAX_MESSAGE_SIZE);
    while (batch.tryAddMessage({ body: Buffer.alloc(10_000, 1) }));
    between("messages in the batch", batch.count, 25, 26);
    await sender.sendMessages(batch);
    const receiver = client.createReceiver("batch-limit");
    const messages = await receive(receiver, batch.count);
    equal("sizes", [...new Set(messages.map((m) => m.body.length))], [10_000]);
    await completeAll(receiver, messages);
  }));

check("Application properties of every type come back as they were", "Messages and payloads: application properties", (bus) =>
  bus.with(async (client) => {
    const applicationProperties = {
      text: "ä€𝄞", "long text": "x".repeat(300), empty: "", yes: true, no: false, zero: 0, int: -7, large: 2 ** 40, double: 0.1,
      negative: -0.25, moment: new Date("2026-07-01T12:00:00.123Z"), null: null,
    };
    await send(client, "properties", { body: "p", applicationProperties });
    const receiver = client.createReceiver("properties", { skipConvertingDate: true });
    const message = await receiveOne(receiver);
    equal("application properties", { ...message.applicationProperties }, applicationProperties);
    await receiver.completeMessage(message);
  }));

check("The standard properties come back as they were", "Messages and payloads: broker properties", (bus) =>
  bus.with(async (client) => {
    const sent = {
      messageId: "id-ü", subject: "order.placed", contentType: "application/cloudevents+json", correlationId: "c-1", to: "desk",
      replyTo: "answers", replyToSessionId: "s-answer", sessionId: "s-1", partitionKey: "s-1", timeToLive: 300_000,
    };
    await send(client, "standard", { body: "p", ...sent }, { body: "p", messageId: 7, correlationId: Buffer.alloc(16, 255) });
    const receiver = client.createReceiver("standard");
    const [message, other] = await receive(receiver, 2);
    equal("properties", Object.fromEntries(Object.keys(sent).map((name) => [name, message[name]])), sent);
    equal("expires", message.expiresAtUtc.getTime(), message.enqueuedTimeUtc.getTime() + 300_000);
    equal("number and UUID ids", [other.messageId, [...other.correlationId]], [7, Array(16).fill(255)]);
    await completeAll(receiver, [message, other]);
  }));

check("Value, sequence and data bodies keep their form", "AMQP protocol guide: body sections", (bus) =>
  bus.with(async (client) => {
    const sent = [
      { bodyType: "value", body: { lines: [1, 2], note: null } },
      { bodyType: "sequence", body: [["a", 1], [true]] },
      { bodyType: "data", body: { json: ["ä"] } },
    ];
    await send(client, "bodies", ...sent, { body: "" });
    const receiver = client.createReceiver("bodies");
    const messages = await receive(receiver, 4);
    equal("body types", messages.map((m) => m._rawAmqpMessage.bodyType), ["value", "sequence", "data", "data"]);
    equal("bodies", bodies(messages), [...sent.map((m) => m.body), ""]);
    await completeAll(receiver, messages);
  }));

check("A message without an id is given one and can be settled", "Messages and payloads: message-id is optional for the sender", (bus) =>
  bus.with(async (client) => {
    await send(client, "no-id", { body: "nameless" }, { body: "nameless too" });
    const receiver = client.createReceiver("no-id");
    const messages = await receive(receiver, 2);
    equal("bodies", bodies(messages), ["nameless", "nameless too"]);
    equal("distinct ids", new Set(messages.map((m) => present("message id", m.messageId))).size, 2);
    await completeAll(receiver, messages);
  }));
