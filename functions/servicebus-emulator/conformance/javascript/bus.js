// How the checks reach the emulator, through Microsoft's clients only.
import { ServiceBusAdministrationClient, ServiceBusClient } from "@azure/service-bus";
import { equal } from "./registry.js";

/** Milliseconds. What should arrive is waited for that long; the wait ends when it is there. */
const ARRIVES_WITHIN = 15_000;

/** A receiver that leaves locks alone: this client renews them by itself for five minutes. */
export const NO_RENEWAL = { maxAutoLockRenewalDurationInMs: 0 };
export const DEAD_LETTER = { subQueueType: "deadLetter" };
export const ONE_TRY = { retryOptions: { maxRetries: 0 } };

/** The administration client always speaks HTTPS, the emulator's port 5300 is plain HTTP. */
function plainHttp(baseUrl) {
  return {
    name: "plainHttp",
    sendRequest(request, next) {
      const { pathname, search } = new URL(request.url);
      request.url = new URL(pathname + search, baseUrl).href;
      request.allowInsecureConnection = true;
      return next(request);
    },
  };
}

export class Bus {
  constructor(connection, adminUrl, webSocketUrl) {
    Object.assign(this, { connection, adminUrl, webSocketUrl });
  }

  /** Runs `work` with a client of its own, which is closed afterwards. */
  async with(work, options = {}) {
    const client = new ServiceBusClient(this.connection, options);
    try {
      return await work(client);
    } finally {
      await client.close();
    }
  }

  admin() {
    const admin = new ServiceBusAdministrationClient(this.connection, { retryOptions: { maxRetries: 0 } });
    admin.pipeline.addPolicy(plainHttp(this.adminUrl), { afterPhase: "Sign" });
    return admin;
  }
}

/** Sends each message by itself, in order, to a queue or topic. */
export async function send(client, entity, ...messages) {
  const sender = client.createSender(entity);
  for (const message of messages) await sender.sendMessages(message);
  await sender.close();
}

/** Receives exactly `count` messages, or fails when they haven't come in time. */
export async function receive(receiver, count = 1, within = ARRIVES_WITHIN) {
  const until = Date.now() + within;
  const messages = [];
  while (messages.length < count && Date.now() < until) {
    const maxWaitTimeInMs = Math.max(100, until - Date.now());
    messages.push(...(await receiver.receiveMessages(count - messages.length, { maxWaitTimeInMs })));
  }
  equal(`messages received within ${within} ms`, messages.length, count);
  return messages;
}

export async function receiveOne(receiver, within = ARRIVES_WITHIN) {
  return (await receive(receiver, 1, within))[0];
}

/** Fails when a message comes `within` milliseconds. */
export async function nothing(receiver, within = 1_000) {
  equal("bodies received", bodies(await receiver.receiveMessages(1, { maxWaitTimeInMs: within })), []);
}

export async function completeAll(receiver, messages) {
  for (const message of messages) await receiver.completeMessage(message);
}

export const bodies = (messages) => messages.map((message) => message.body);
export const bodiesAndCounts = (messages) => messages.map((message) => [message.body, message.deliveryCount]);
export const reason = (message) => [message.deadLetterReason, message.deadLetterErrorDescription];
export const texts = (count, from = 0) => Array.from({ length: count }, (_, n) => `m${n + from}`);
export const untilPast = (time, more = 0) => Math.max(1, time - Date.now() + more);
