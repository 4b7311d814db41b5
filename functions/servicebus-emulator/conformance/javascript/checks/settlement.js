// Complete, abandon, defer, dead-letter, and what becomes of the message.
import Long from "long";
import { bodies, DEAD_LETTER, nothing, reason, receive, receiveOne, send } from "../bus.js";
import { check, equal, present, refused } from "../registry.js";

const FROM_START = { fromSequenceNumber: Long.ONE };

check("A completed message is gone", "Message settlement: complete removes the message", (bus) =>
  bus.with(async (client) => {
    await send(client, "complete", { body: "first" }, { body: "second" });
    const receiver = client.createReceiver("complete");
    const first = await receiveOne(receiver);
    equal("body", first.body, "first");
    await receiver.completeMessage(first);
    equal("what is left", bodies(await receiver.peekMessages(10, FROM_START)), ["second"]);
    await receiver.completeMessage(await receiveOne(receiver));
    await nothing(receiver);
    equal("what is left", await receiver.peekMessages(10, FROM_START), []);
  }));

check("An abandoned message comes again with count raised and properties changed", "Message settlement: abandon", (bus) =>
  bus.with(async (client) => {
    await send(client, "abandon", { body: "again", messageId: "id-again", applicationProperties: { tries: 1, kept: "yes" } });
    const receiver = client.createReceiver("abandon");
    const first = await receiveOne(receiver);
    equal("delivery count", first.deliveryCount, 0);
    await receiver.abandonMessage(first, { tries: 2, note: "slow" });
    const second = await receiveOne(receiver);
    equal("delivery count", second.deliveryCount, 1);
    equal("id", second.messageId, "id-again");
    equal("sequence number", second.sequenceNumber.toString(), first.sequenceNumber.toString());
    equal("it has another lock token", second.lockToken !== first.lockToken, true);
    equal("properties", { ...second.applicationProperties }, { tries: 2, kept: "yes", note: "slow" });
    await receiver.completeMessage(second);
    await nothing(receiver);
  }));

check("A deferred message is received by its sequence number only, with changed properties", "Message deferral", (bus) =>
  bus.with(async (client) => {
    await send(client, "defer", { body: "later" }, { body: "sooner" });
    const receiver = client.createReceiver("defer");
    const later = await receiveOne(receiver);
    await receiver.deferMessage(later, { why: "out of turn" });
    const sooner = await receiveOne(receiver);
    equal("body", sooner.body, "sooner");
    await receiver.completeMessage(sooner);
    await nothing(receiver);
    const peeked = await receiver.peekMessages(1, { fromSequenceNumber: later.sequenceNumber });
    equal("state", peeked.map((m) => [m.body, m.state]), [["later", "deferred"]]);
    const [deferred] = await receiver.receiveDeferredMessages(later.sequenceNumber);
    equal("body and property", [deferred.body, deferred.applicationProperties.why], ["later", "out of turn"]);
    present("lock token", deferred.lockToken);
    await receiver.completeMessage(deferred);
    await refused("receive it again", "MessageNotFound", () => receiver.receiveDeferredMessages(later.sequenceNumber));
  }));

check("A deferred message can be abandoned and then dead-lettered with a reason", "AMQP request-response: update-disposition", (bus) =>
  bus.with(async (client) => {
    await send(client, "defer-settle", { body: "aside" });
    const receiver = client.createReceiver("defer-settle");
    const message = await receiveOne(receiver);
    await receiver.deferMessage(message);
    const again = async () => (await receiver.receiveDeferredMessages(message.sequenceNumber))[0];
    await receiver.abandonMessage(await again());
    await nothing(receiver);
    const options = { deadLetterReason: "Unreadable", deadLetterErrorDescription: "line 3 is not JSON" };
    await receiver.deadLetterMessage(await again(), options);
    await refused("receive it again", "MessageNotFound", again);
    const dead = client.createReceiver("defer-settle", DEAD_LETTER);
    const letter = await receiveOne(dead);
    equal("reason and description", reason(letter), ["Unreadable", "line 3 is not JSON"]);
    await dead.completeMessage(letter);
  }));

check("A dead-lettered message is in the dead-letter queue with reason, description and all it had", "Dead-letter queues", (bus) =>
  bus.with(async (client) => {
    await send(client, "dead-letter", { body: "bad", messageId: "id-bad", applicationProperties: { tries: 3 } });
    const receiver = client.createReceiver("dead-letter");
    const options = { deadLetterReason: "Poison", deadLetterErrorDescription: "of no known type", tries: 4 };
    await receiver.deadLetterMessage(await receiveOne(receiver), options);
    await nothing(receiver);
    const dead = client.createReceiver("dead-letter", DEAD_LETTER);
    const letter = await receiveOne(dead);
    equal("reason and description", reason(letter), ["Poison", "of no known type"]);
    equal("body and id", [letter.body, letter.messageId], ["bad", "id-bad"]);
    equal("property, changed with the settlement", letter.applicationProperties.tries, 4);
    await dead.completeMessage(letter);
    await nothing(dead);
  }));

check("A message delivered as often as allowed goes to the dead-letter queue", "Dead-letter queues: MaxDeliveryCountExceeded", (bus) =>
  bus.with(async (client) => {
    await send(client, "max-delivery", { body: "hopeless" });
    const receiver = client.createReceiver("max-delivery");
    for (const count of [0, 1]) {
      const message = await receiveOne(receiver);
      equal("delivery count", message.deliveryCount, count);
      await receiver.abandonMessage(message);
    }
    await nothing(receiver);
    const dead = client.createReceiver("max-delivery", DEAD_LETTER);
    const letter = await receiveOne(dead);
    equal("body and reason", [letter.body, letter.deadLetterReason], ["hopeless", "MaxDeliveryCountExceeded"]);
    await dead.completeMessage(letter);
  }));

check("Receive-and-delete removes a message as it is delivered", "Message settlement: receive-and-delete", (bus) =>
  bus.with(async (client) => {
    await send(client, "receive-and-delete", { body: "a" }, { body: "b" }, { body: "c" });
    const deleting = client.createReceiver("receive-and-delete", { receiveMode: "receiveAndDelete" });
    const messages = await receive(deleting, 3);
    equal("bodies", bodies(messages), ["a", "b", "c"]);
    const error = await deleting.completeMessage(messages[0]).then(() => undefined, (e) => e);
    equal("completing is refused", error?.message, "The operation is not supported in 'receiveAndDelete' receive mode.");
    await deleting.close();
    await nothing(client.createReceiver("receive-and-delete"));
  }));
