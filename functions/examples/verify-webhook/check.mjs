// Runs verify.mjs on the shared vectors.
import { readFileSync } from "node:fs";
import { verify } from "./verify.mjs";

const vectors = JSON.parse(readFileSync(new URL("vectors.json", import.meta.url), "utf8"));
const wrong = vectors.filter(
  (v) => verify(v.secret, v.id, v.timestamp, v.signature, Buffer.from(v.body), v.now) !== v.valid,
);
console.log(`Node: ${vectors.length - wrong.length} of ${vectors.length} vectors`);
if (wrong.length > 0 || vectors.length === 0) {
  console.error("judged wrongly:", wrong.map((v) => v.name));
  process.exit(1);
}
