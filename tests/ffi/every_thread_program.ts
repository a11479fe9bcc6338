/**
 * Has all of its threads hold SIGUSR2 back while others come to be, and prints
 * whether it worked, and the mask of each thread once all are there.
 *
 * @module
 */
import { blockInEveryThread } from "../../ffi/every_thread.ts";
import { blockedSignals } from "../process_state.ts";

const WORKERS = 8;

const source = new Blob(["postMessage(0)"], { type: "text/javascript" });
const url = URL.createObjectURL(source);
const workers = Array.from(
  { length: WORKERS },
  () => new Worker(url, { type: "module" }),
);
const started = workers.map((worker) =>
  new Promise((resolve) => worker.onmessage = resolve)
);
const worked = blockInEveryThread(["SIGUSR2"]);
await Promise.all(started);
const masks = [...(await blockedSignals(Deno.pid)).values()].map(String);
for (const worker of workers) worker.terminate();
console.log(JSON.stringify({ worked, masks }));
