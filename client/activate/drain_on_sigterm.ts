/**
 * SIGTERM drains the servers on shared sockets and then ends the program, unless
 * the program listens for SIGTERM itself.
 *
 * @module
 */
import { replaceInDeno } from "./replace_in_deno.ts";
import { report } from "./report.ts";

const { addSignalListener, removeSignalListener } = Deno;

/** The program's listeners for SIGTERM, those of `process.on` included. */
const listeners = new Set<() => void>();

/** The servers on shared sockets: each stops accepting and ends its requests. */
const servers = new Set<() => Promise<unknown>>();

/** How many of the listeners the SIGTERM under way calls. */
let called = 0;

let isListening = false;
let isDraining = false;

/** Replaces Deno's functions for signals, to know the program's listeners. */
export function observeSigtermListeners(): void {
  replaceInDeno("addSignalListener", (signal, listener) => {
    if (signal !== "SIGTERM") return addSignalListener(signal, listener);
    listeners.add(listener);
    listenWhileNeeded();
  });
  replaceInDeno("removeSignalListener", (signal, listener) => {
    if (signal !== "SIGTERM") return removeSignalListener(signal, listener);
    listeners.delete(listener);
    listenWhileNeeded();
  });
}

/**
 * Calls `drain` on SIGTERM, until the returned function is called. The program
 * ends when every `drain` has resolved.
 */
export function drainOnSigterm(drain: () => Promise<unknown>): () => void {
  servers.add(drain);
  listenWhileNeeded();
  return () => {
    servers.delete(drain);
    listenWhileNeeded();
  };
}

/** Otherwise SIGTERM has its default disposition (signal(7)). */
function listenWhileNeeded(): void {
  const isNeeded = listeners.size > 0 || servers.size > 0 || isDraining;
  if (isNeeded === isListening) return;
  isListening = isNeeded;
  if (isNeeded) addSignalListener("SIGTERM", onSigterm);
  else removeSignalListener("SIGTERM", onSigterm);
}

function onSigterm(): void {
  // A listener may remove itself: what is drained is decided before.
  if (listeners.size === 0) {
    drainAll();
    return;
  }
  called = listeners.size;
  try {
    [...listeners].forEach((listener) => listener());
  } finally {
    called = 0;
  }
}

/**
 * For a listener of Deno's own that shuts down a server: drains all servers and
 * ends the program if SIGTERM calls no other listener, else only does `shutdown`.
 */
export async function drainOrShutDown(
  shutdown: () => Promise<void>,
): Promise<void> {
  if (called === 1) await drainAll();
  else await shutdown();
}

async function drainAll(): Promise<void> {
  if (isDraining) return;
  isDraining = true;
  const drained = [...servers].map((drain) => drain());
  for (const result of await Promise.allSettled(drained)) {
    if (result.status === "fulfilled") continue;
    report(`a server was not drained: ${result.reason}`);
  }
  Deno.exit(0);
}
