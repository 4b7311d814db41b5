// Sessions: one receiver holds a session, in order, with its state.
import { bodies, bodiesAndCounts, completeAll, nothing, NO_RENEWAL, ONE_TRY, receive, receiveOne, send, untilPast } from "../bus.js";
import { between, check, equal, refused } from "../registry.js";

const of = (sessionId, ...bodies) => bodies.map((body) => ({ body, sessionId }));

check("A named session gives its own messages only, in order", "Message sessions: ordered processing", (bus) =>
  bus.with(async (client) => {
    await send(client, "sessions", ...of("named", "a1"), ...of("other", "b1"), ...of("named", "a2", "a3"));
    const receiver = await client.acceptSession("sessions", "named");
    equal("session id", receiver.sessionId, "named");
    between("lock, in ms", receiver.sessionLockedUntilUtc - Date.now(), 50_000, 60_000);
    const first = await receiveOne(receiver);
    equal("body and session id", [first.body, first.sessionId], ["a1", "named"]);
    await receiver.abandonMessage(first);
    const messages = await receive(receiver, 3);
    equal("an abandoned message comes first again", bodiesAndCounts(messages), [["a1", 1], ["a2", 0], ["a3", 0]]);
    await completeAll(receiver, messages);
    await nothing(receiver);
    const other = await client.acceptSession("sessions", "other");
    const message = await receiveOne(other);
    equal("body", message.body, "b1");
    await other.completeMessage(message);
  }));

check("The next available session is one that has messages and no holder", "Message sessions: accept next session", (bus) =>
  bus.with(async (client) => {
    await send(client, "sessions-next", ...of("n1", "one"), ...of("n2", "two"));
    const receivers = [await client.acceptNextSession("sessions-next"), await client.acceptNextSession("sessions-next")];
    equal("ids are texts", receivers.map((receiver) => typeof receiver.sessionId), ["string", "string"]);
    const got = {};
    for (const receiver of receivers) got[receiver.sessionId] = (await receiveOne(receiver)).body;
    equal("sessions", got, { n1: "one", n2: "two" });
    await refused("a third one", "ServiceTimeout", () => client.acceptNextSession("sessions-next"));
  }, { retryOptions: { maxRetries: 0, timeoutInMs: 3_000 } }));

check("Session state is kept for the next holder", "Message sessions: session state", (bus) =>
  bus.with(async (client) => {
    const first = await client.acceptSession("sessions", "stateful");
    equal("state of a session that had none", await first.getSessionState(), null);
    await first.setSessionState({ step: 2 });
    await first.close();
    const second = await client.acceptSession("sessions", "stateful");
    equal("state", await second.getSessionState(), { step: 2 });
    await second.setSessionState(null);
    equal("cleared state", await second.getSessionState(), null);
  }));

check("A session has one holder at a time, and closing frees it", "Message sessions: session lock", (bus) =>
  bus.with(async (client) => {
    await send(client, "sessions", ...of("held", "h1"));
    const holder = await client.acceptSession("sessions", "held");
    equal("body", (await receiveOne(holder)).body, "h1");
    await refused("a second holder", "SessionCannotBeLocked", () => client.acceptSession("sessions", "held"));
    await holder.close();
    const receiver = await client.acceptSession("sessions", "held");
    const message = await receiveOne(receiver);
    equal("body", message.body, "h1");
    await receiver.completeMessage(message);
  }, ONE_TRY));

check("A renewed session lock ends later", "Message sessions: renew-session-lock", (bus) =>
  bus.with(async (client) => {
    const receiver = await client.acceptSession("sessions-lock", "renewed", NO_RENEWAL);
    const firstEnd = receiver.sessionLockedUntilUtc;
    await nothing(receiver, 2_000);
    const renewed = await receiver.renewSessionLock();
    between("gained, in ms", renewed - firstEnd, 1_500, 5_000);
    await nothing(receiver, untilPast(firstEnd, 500));
    equal("the first end has passed", Date.now() > firstEnd, true);
    equal("the session is still held", await receiver.getSessionState(), null);
  }));

check("A session whose lock ended can be taken by another, and the first has lost it", "Messaging exceptions: SessionLockLost", (bus) =>
  bus.with(async (client) => {
    await send(client, "sessions-lock", ...of("lost", "l1"));
    const slow = await client.acceptSession("sessions-lock", "lost", NO_RENEWAL);
    const message = await receiveOne(slow);
    const end = slow.sessionLockedUntilUtc;
    const other = await takenWhenFree(client, "sessions-lock", "lost");
    between("ms from the lock's end to the other holder", Date.now() - end, -50, 3_000);
    const again = await receiveOne(other);
    equal("body", again.body, "l1");
    await refused("complete", "SessionLockLost", () => slow.completeMessage(message));
    await other.completeMessage(again);
  }, ONE_TRY));

/** The session's receiver, as soon as nobody else holds the session. */
async function takenWhenFree(client, queue, session, within = 15_000) {
  for (const until = Date.now() + within; ; ) {
    try {
      return await client.acceptSession(queue, session, NO_RENEWAL);
    } catch (error) {
      if (error.code !== "SessionCannotBeLocked" || Date.now() > until) throw error;
    }
  }
}

check("Sessions work on a subscription", "Message sessions: session-enabled subscriptions", (bus) =>
  bus.with(async (client) => {
    await send(client, "session-topic", ...of("x", "x1", "x2"), ...of("y", "y1"));
    const receiver = await client.acceptSession("session-topic", "by-session", "x");
    const messages = await receive(receiver, 2);
    equal("bodies", bodies(messages), ["x1", "x2"]);
    await completeAll(receiver, messages);
    const next = await client.acceptNextSession("session-topic", "by-session");
    equal("session and body", [next.sessionId, (await receiveOne(next)).body], ["y", "y1"]);
  }));

check("A session queue refuses messages and receivers without a session", "Message sessions: session-aware entities", (bus) =>
  bus.with(async (client) => {
    const notAllowed = async (what, call) => {
      const error = await call().then(() => undefined, (e) => e);
      equal(`${what}: condition`, /InvalidOperationError|not-allowed/.test(`${error?.code} ${error?.message}`), true);
    };
    await notAllowed("send", () => client.createSender("sessions").sendMessages({ body: "x" }));
    await notAllowed("receive", () => client.createReceiver("sessions").receiveMessages(1, { maxWaitTimeInMs: 1_000 }));
  }, ONE_TRY));
