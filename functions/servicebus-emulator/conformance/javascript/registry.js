// The list of checks: a check says in its name what is promised and in `documented` where Microsoft says so.
import assert from "node:assert/strict";

export const checks = [];

/**
 * Registers a check. `alone`: it runs when the others are done; `messages`: how many it moves, if it measures;
 * `needs`: the field of the bus without which it can't run.
 */
export function check(name, documented, run, { alone = false, messages = 0, needs = undefined } = {}) {
  assert(!checks.some((other) => other.name === name), `two checks are named '${name}'`);
  checks.push({ name, documented, run, alone, messages, needs });
}

export function equal(what, actual, expected) {
  assert.deepStrictEqual(actual, expected, `${what}: expected ${show(expected)}, got ${show(actual)}`);
}

export function between(what, actual, least, most) {
  assert(actual >= least && actual <= most, `${what}: expected ${least} to ${most}, got ${actual}`);
}

export function present(what, actual) {
  assert(actual !== undefined && actual !== null, `${what} is not set`);
  return actual;
}

/** Runs `call`, which must fail with `code` (a ServiceBusErrorCode, or an HTTP client's `code`). */
export async function refused(what, code, call) {
  let result;
  try {
    result = await call();
  } catch (error) {
    equal(`${what} is refused, code (${error.message})`, error.code, code);
    return error;
  }
  assert.fail(`${what}: expected ${code}, but it returned ${show(result)}`);
}

function show(value) {
  return JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? `${inner}n` : inner));
}
