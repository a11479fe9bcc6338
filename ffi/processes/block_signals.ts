/**
 * Blocks signals in every thread of this process.
 *
 * @module
 */
import { UnsupportedPlatformError } from "../libc/abi.ts";
import { OsError } from "../libc/errno.ts";
import { executable } from "./executable.ts";
import {
  commandLine,
  environmentVariable,
  executeWithOwnEnvironment,
  processId,
  setEnvironmentVariable,
  unsetEnvironmentVariable,
} from "./process.ts";
import { ignoreSignal, ignoreSigusr1 } from "./signal_action.ts";
import { signalNumber } from "./signal_numbers.ts";
import { areBlocked, blockSignals, type MaskedSignal } from "./signal_mask.ts";

/**
 * The PID of the process that has executed itself to block its signals. Children do
 * not need the variable.
 */
const EXECUTED_VARIABLE = "MULTIBINDER_SIGNALS_BLOCKED";

const NO_COLOR = "NO_COLOR";

/** The value of NO_COLOR that means: set by {@linkcode setNoColor}. */
const OWN_NO_COLOR = "multibinder";

/**
 * Deno writes its report of an uncaught error in colours, unless NO_COLOR is set
 * when it starts, even if standard error is a log.
 */
function setNoColor(): void {
  if (Deno.stderr.isTerminal()) return;
  if (environmentVariable(NO_COLOR) !== undefined) return;
  setEnvironmentVariable(NO_COLOR, OWN_NO_COLOR);
}

/** The variables of this process that are not for its children. */
export function ownVariables(): string[] {
  return environmentVariable(NO_COLOR) === OWN_NO_COLOR
    ? [EXECUTED_VARIABLE, NO_COLOR]
    : [EXECUTED_VARIABLE];
}

/**
 * Keeps two signals from harming a program that runs for long. SIGXFSZ is ignored:
 * a line on standard error over RLIMIT_FSIZE would end the program.
 *
 * Blocks SIGUSR1 in every thread, as {@linkcode blockInEveryThread} does: since
 * 2.9.2 Deno opens its debugger at SIGUSR1, even with a listener, and whoever can
 * connect to it runs code in the process. Children start with no signal blocked.
 *
 * Call it as the first act of a program: Deno installs its handler some time after
 * the start, and until then SIGUSR1 ends the program. Where this user may not
 * execute the program again, SIGUSR1 is ignored.
 *
 * @throws {UnsupportedPlatformError} as {@linkcode blockInEveryThread}.
 */
export function withstandSignals(): void {
  ignoreSignal(signalNumber("SIGXFSZ"));
  try {
    blockInEveryThread(["SIGUSR1"]);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    ownVariables().forEach(unsetEnvironmentVariable);
    ignoreSigusr1();
  }
}

/**
 * Blocks the signals in every thread of this process, also the threads that
 * exist before any of our code runs. A thread changes only its own mask
 * (pthread_sigmask(3)), so a program that was not started with the signals
 * blocked blocks them in this thread and executes itself once. The mask
 * survives (execve(2)), and a new thread inherits it from the thread that
 * creates it (pthread_create(3)). Deno then writes no colours into a log.
 *
 * @throws {OsError} when this program cannot be executed.
 * @throws {UnsupportedPlatformError} when the mask did not survive: executing
 * the program again would loop.
 */
export function blockInEveryThread(signals: readonly MaskedSignal[]): void {
  if (areBlocked(signals)) return;
  const pid = String(processId());
  // An exec keeps the PID; a child that inherits the variable has another one.
  if (environmentVariable(EXECUTED_VARIABLE) === pid) {
    throw new UnsupportedPlatformError(
      `cannot block ${
        signals.join(", ")
      }: the signals were blocked, and are not after execve(2)`,
    );
  }
  // Without /proc the command line is known only before setenv(3).
  const [path, argv] = [executable(), commandLine()];
  setEnvironmentVariable(EXECUTED_VARIABLE, pid);
  setNoColor();
  blockSignals(signals);
  executeWithOwnEnvironment(path, argv);
}
