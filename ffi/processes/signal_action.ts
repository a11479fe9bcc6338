/**
 * Sets how a process handles a signal: sigaction(2).
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { check } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { viewOf } from "../libc/memory.ts";
import { signalNumber } from "./signal_numbers.ts";

const layout = abi.layouts.sigaction;

/** Sets the action of a signal and returns the previous one. */
export function setAction(
  signal: number,
  action: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const before = new Uint8Array(layout.size);
  check(libc().sigaction(signal, action, before), "sigaction");
  return before;
}

/**
 * Sets a signal to its default action (SIG_DFL) and returns the previous
 * action.
 */
export function setDefaultDisposition(
  signal: number,
): Uint8Array<ArrayBuffer> {
  return setAction(signal, new Uint8Array(layout.size));
}

/** Ignores a signal (SIG_IGN), also across an exec. */
export function ignoreSignal(signal: number): void {
  const action = new Uint8Array(layout.size);
  viewOf(action).setBigUint64(layout.sa_handler, BigInt(abi.SIG_IGN), true);
  setAction(signal, action);
}

/** Whether a signal is ignored. */
function isIgnored(action: Uint8Array<ArrayBuffer>): boolean {
  const handler = viewOf(action).getBigUint64(layout.sa_handler, true);
  return handler === BigInt(abi.SIG_IGN);
}

/** Sets a signal that is ignored to its default action. */
export function stopIgnoring(signal: number): void {
  const before = setDefaultDisposition(signal);
  if (!isIgnored(before)) setAction(signal, before);
}

/**
 * Ignore SIGUSR1, so that it does not open Deno's debugger.
 *
 * Since 2.9.2 Deno opens its debugger on 127.0.0.1:9229 when the program receives
 * SIGUSR1, even with a listener. Whoever can connect to it runs code in the
 * program. Call this function at the start of a program that serves.
 *
 * Listeners for SIGUSR1 are not called any more. Children of `Deno.Command` ignore
 * SIGUSR1 too (execve(2)), unlike those of `spawn`.
 *
 * @throws {OsError} when the action cannot be changed (sigaction(2)).
 *
 * @example
 * ```ts no-eval
 * import { bind, ignoreSigusr1 } from "jsr:@multibinder/client";
 *
 * ignoreSigusr1();
 * using web = await bind("127.0.0.1", 8000);
 * web.serve(() => new Response("hello\n"));
 * ```
 */
export function ignoreSigusr1(): void {
  // Deno sets its handler once: with the first listener, or half a second after
  // the start. Done now, it does not replace the action that is set below.
  const listener = () => {};
  Deno.addSignalListener("SIGUSR1", listener);
  Deno.removeSignalListener("SIGUSR1", listener);
  ignoreSignal(signalNumber("SIGUSR1"));
}
