/**
 * Signals that this process does not take until somebody reads them.
 *
 * @module
 */
import { blockInEveryThread } from "./every_thread.ts";
import { executable } from "./executable.ts";
import { commandLine, execute, initialEnvironment } from "./process.ts";
import { areBlocked, type MaskedSignal } from "./signal_mask.ts";

/**
 * Makes sure that every thread of this process holds the signals back. Deno's
 * threads are there before any of our code; a program that was started with
 * the signals blocked has them blocked in all, and one that was not has its
 * threads block them one by one. Where that is not to be had it executes itself
 * once more, with the signals blocked.
 *
 * @throws {OsError} when this program cannot be executed again.
 */
export function holdBack(signals: readonly MaskedSignal[]): void {
  if (areBlocked(signals) || blockInEveryThread(signals)) return;
  execute(executable(), commandLine(), initialEnvironment());
}
