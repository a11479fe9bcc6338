/**
 * SIGTERM drains the servers on shared sockets and then ends the program, unless
 * the program listens for SIGTERM itself.
 *
 * @module
 */
import { replaceInDeno } from "./replace_in_deno.ts";
import { report } from "./report.ts";

const { addSignalListener, removeSignalListener } = Deno;

/** The program's listeners for SIGTERM; `process.on` adds them here, too. */
const listeners = new Set<() => void>();

/** The servers on shared sockets: each stops accepting and ends its requests. */
const servers = new Set<() => Promise<unknown>>();

let isDraining = false;

/** Replaces Deno's functions for signal listeners by functions that count. */
export function countSigtermListeners(): void {
  replaceInDeno("addSignalListener", (signal, listener) => {
    addSignalListener(signal, listener);
    if (signal === "SIGTERM") listeners.add(listener);
  });
  replaceInDeno("removeSignalListener", (signal, listener) => {
    removeSignalListener(signal, listener);
    if (signal === "SIGTERM") listeners.delete(listener);
  });
}

/**
 * Calls `drain` on SIGTERM, until the returned function is called. The program
 * ends when every `drain` has resolved.
 */
export function drainOnSigterm(drain: () => Promise<unknown>): () => void {
  // Without a shared socket SIGTERM keeps its default disposition.
  if (servers.size === 0) addSignalListener("SIGTERM", onSigterm);
  servers.add(drain);
  return () => {
    servers.delete(drain);
    if (servers.size === 0 && !isDraining) {
      removeSignalListener("SIGTERM", onSigterm);
    }
  };
}

async function onSigterm(): Promise<void> {
  if (isDraining || listeners.size > 0) return;
  isDraining = true;
  const results = await Promise.allSettled(
    [...servers].map((drain) => drain()),
  );
  for (const result of results) {
    if (result.status === "fulfilled") continue;
    report(`a server was not drained: ${result.reason}`);
  }
  Deno.exit(0);
}
