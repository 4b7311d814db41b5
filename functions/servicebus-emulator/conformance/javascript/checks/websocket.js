// AMQP over WebSocket, for networks that close the AMQP ports. Runs where its address is given.
import WebSocket from "ws";
import { completeAll, receive, send } from "../bus.js";
import { check, equal } from "../registry.js";

check("AMQP works over WebSocket too", "AMQP protocol guide: AMQP over WebSockets", (bus) => {
  const asked = [];

  /** This client always asks for wss://HOST:PORT/$servicebus/websocket; here the path stays and the address is the one given. */
  class Redirected extends WebSocket {
    constructor(url, protocols, options) {
      super(new URL(new URL(url).pathname, bus.webSocketUrl), protocols, options);
      asked.push([new URL(url).pathname, protocols]);
    }
  }

  return bus.with(async (client) => {
    await send(client, "one", { body: "through 443" }, { body: Buffer.alloc(200_000, 7) });
    const receiver = client.createReceiver("one");
    const [first, second] = await receive(receiver, 2);
    equal("bodies", [first.body, second.body.length], ["through 443", 200_000]);
    await completeAll(receiver, [first, second]);
    equal("path and protocol", asked, [["/$servicebus/websocket", ["AMQPWSB10"]]]);
  }, { webSocketOptions: { webSocket: Redirected } });
}, { alone: true, needs: "webSocketUrl" });
