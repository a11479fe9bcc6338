/**
 * SIGUSR1 sent to the wrapper, by mistake for HAProxy's soft stop, is held
 * back for good. Since 2.9.2 Deno opens its debugger at SIGUSR1, listener or
 * not, and before its handler is in place the signal would end the wrapper.
 *
 * @module
 */
import { executable } from "../ffi/executable.ts";
import { commandLine, execute, initialEnvironment } from "../ffi/process.ts";
import { areBlocked, blockSignals } from "../ffi/signal_mask.ts";

/**
 * Deno's threads are there before any of our code: only a program that was
 * started with a signal blocked has it blocked in all of them. So this one
 * executes itself once more. Children start with nothing blocked.
 *
 * @throws {OsError} when this program cannot be executed again.
 */
export function ignoreStraySignal(): void {
  if (areBlocked(["SIGUSR1"])) return;
  blockSignals(["SIGUSR1"]);
  execute(executable(), commandLine(), initialEnvironment());
}
