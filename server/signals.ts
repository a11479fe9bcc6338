/**
 * The signals that the daemon acts on, as a descriptor of its event loop.
 *
 * Deno's own listeners will not do. Since 2.9.2 Deno opens its debugger on
 * 127.0.0.1:9229 at SIGUSR1, listener or not, where anyone on the machine can
 * take over the program; and a signal that one of Deno's threads has noted is
 * lost with an exec. Where the signals are blocked in every thread, Deno never
 * sees them, and they stay pending across an exec.
 *
 * @module
 */
import { executable } from "../ffi/executable.ts";
import { commandLine, execute, initialEnvironment } from "../ffi/process.ts";
import {
  areBlocked,
  blockSignals,
  type MaskedSignal,
} from "../ffi/signal_mask.ts";

/** The signals that the daemon acts on. */
export const SIGNALS: readonly MaskedSignal[] = [
  "SIGHUP",
  "SIGUSR1",
  "SIGTERM",
  "SIGINT",
];

/**
 * Makes sure that every thread of this process holds the signals back. Deno's
 * threads are there before any of our code: only a program that was started
 * with the signals blocked has them blocked in all. So the first start blocks
 * them and executes itself once more; every re-exec passes the mask on.
 *
 * @throws {OsError} when this program cannot be executed again.
 */
export function holdSignalsBack(): void {
  if (areBlocked(SIGNALS)) return;
  blockSignals(SIGNALS);
  execute(executable(), commandLine(), initialEnvironment());
}
