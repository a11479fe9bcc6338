/**
 * Binds again and again, in a process of its own so that the load of the demo
 * does not delay it. On SIGTERM it prints the number of binds and the longest
 * one, in ms.
 *
 * ```sh
 * deno run --allow-ffi=/lib/x86_64-linux-gnu/libc.so.6 longest_bind.ts /run/multibinder.sock
 * ```
 *
 * @module
 */
import { bindSync } from "../../client.ts";

/** Time between two binds, in ms. */
const PAUSE = 2;

const [sock = ""] = Deno.args;
let isStopped = false;
Deno.addSignalListener("SIGTERM", () => isStopped = true);

let binds = 0;
let longest = 0;
while (!isStopped) {
  const began = performance.now();
  bindSync("127.0.0.1", 0, { sock }).close();
  const took = performance.now() - began;
  // The first bind also loads the C library.
  if (binds++ > 0) longest = Math.max(longest, took);
  if (binds === 1) console.log("binding");
  await new Promise((resolve) => setTimeout(resolve, PAUSE));
}
console.log(JSON.stringify({ binds, longest }));
