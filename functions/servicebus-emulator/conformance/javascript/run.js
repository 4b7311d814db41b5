#!/usr/bin/env node
// Checks a Service Bus emulator with Microsoft's JavaScript client, @azure/service-bus.
// The emulator must run with ../Config.json and be fresh: checks expect empty entities.
// The last line is `N passed, N failed`; the exit code is 1 if a check failed.
import { parseArgs } from "node:util";
import { Bus } from "./bus.js";
import { checks } from "./registry.js";

for (const subject of ["locks", "receiving", "sessions", "settlement", "sending", "topics", "administration", "websocket", "throughput"]) {
  await import(`./checks/${subject}.js`);
}

/** Milliseconds that one check may take; a check that moves messages gets 1 s more for each 100. */
const DEADLINE = 60_000;

const { values: given } = parseArgs({
  options: {
    connection: { type: "string", default: process.env.SERVICEBUS_CONNECTION },
    admin: { type: "string", default: process.env.SERVICEBUS_ADMIN },
    websocket: { type: "string", default: process.env.SERVICEBUS_WEBSOCKET },
    only: { type: "string", default: "" },
    throughput: { type: "boolean", default: false },
    jobs: { type: "string", default: "12" },
    list: { type: "boolean", default: false },
  },
});

function chosen(bus) {
  const named = checks.filter((c) => c.name.includes(given.only) && (!c.needs || bus[c.needs]));
  return given.throughput ? named.filter((c) => c.messages > 0) : named.filter((c) => c.messages <= 1_000);
}

/** Runs one check and prints its line; returns whether it failed. */
async function failed(check, bus) {
  const begin = performance.now();
  let [said, wrong, timer] = ["", "", undefined];
  const late = new Promise((_, reject) => {
    const limit = DEADLINE + check.messages * 10;
    timer = setTimeout(() => reject(new Error(`it did not end within ${limit} ms`)), limit);
  });
  try {
    said = (await Promise.race([check.run(bus), late])) ?? "";
  } catch (error) {
    wrong = error?.stack ?? String(error);
  } finally {
    clearTimeout(timer);
  }
  const seconds = ((performance.now() - begin) / 1_000).toFixed(2).padStart(6);
  console.log(`${wrong ? "FAIL" : "pass"} ${seconds} s  ${check.name}  [${check.documented}]`);
  for (const line of (wrong || said).split("\n").filter(Boolean)) console.log(`               ${line}`);
  return wrong !== "";
}

/** Runs checks, `jobs` at a time; returns how many failed. */
async function run(list, bus, jobs) {
  const waiting = [...list];
  let count = 0;
  const work = async () => {
    for (let check = waiting.shift(); check; check = waiting.shift()) {
      if (await failed(check, bus)) count += 1;
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return count;
}

async function main() {
  if (given.list) {
    for (const { name, documented } of checks) console.log(`${name}  [${documented}]`);
    return 0;
  }
  if (!given.connection || !given.admin) {
    console.error("the connection string and the administration URL are needed: --connection and --admin,");
    console.error("or SERVICEBUS_CONNECTION and SERVICEBUS_ADMIN");
    return 2;
  }
  const bus = new Bus(given.connection, given.admin, given.websocket);
  const list = chosen(bus);
  const failures =
    (await run(list.filter((c) => !c.alone), bus, Number(given.jobs))) + (await run(list.filter((c) => c.alone), bus, 1));
  console.log(`${list.length - failures} passed, ${failures} failed`);
  return failures > 0 || list.length === 0 ? 1 : 0;
}

// A check that hangs leaves a connection of the client behind, which would keep the process from ending.
process.exit(await main());
