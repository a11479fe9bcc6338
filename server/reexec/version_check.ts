/**
 * Checks a new version before it replaces the old one. The same command line is
 * started beside the daemon, loads its modules, reads a copy of the state, prints
 * a line and exits.
 *
 * @module
 */
import { readAll } from "../../ffi/files/file.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import type { Ending } from "../../ffi/processes/child_process.ts";
import { environmentVariable } from "../../ffi/processes/process.ts";
import { signalName } from "../../ffi/processes/signal_numbers.ts";
import { type CheckedProgram, runToEnd } from "./checked_program.ts";
import {
  CHECK_VARIABLE,
  type NextProgram,
  nextProgram,
} from "./next_program.ts";
import { decodeState } from "./state.ts";

/**
 * The line that a checked program prints. Exit status 0 is not sufficient: an
 * empty module exits with 0 too.
 */
const PASSED = "multibinder check passed";

/** Time that a new version has to load and to read the state, in ms. */
const CHECK_TIMEOUT = 60_000;

/** Whether this process is a new version that is being checked. */
export function isCheck(): boolean {
  return environmentVariable(CHECK_VARIABLE) === "1";
}

/**
 * Reads the state from standard input.
 *
 * @returns the line for standard output
 * @throws {StateError} if this release cannot read the state.
 */
export function runCheck(): string {
  decodeState(readAll(0));
  return PASSED;
}

/**
 * Runs the program that a re-exec would execute, with a copy of the state.
 * Aborting kills it.
 *
 * @returns why the check failed, or `undefined` if it passed
 */
export async function checkNewVersion(
  state: Uint8Array<ArrayBuffer>,
  abort: AbortSignal,
): Promise<string | undefined> {
  const timeout = AbortSignal.timeout(CHECK_TIMEOUT);
  const program = withoutTelemetry(nextProgram(CHECK_VARIABLE, "1"));
  let checked: CheckedProgram;
  try {
    const either = AbortSignal.any([timeout, abort]);
    checked = await runToEnd(program, state, either);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    return `the new version cannot be started: ${error.message}`;
  }
  const { ending } = checked;
  const output = withoutColors(checked.output);
  const errors = withoutColors(checked.errors);
  const succeeded = "code" in ending && ending.code === 0;
  if (succeeded && output.includes(PASSED)) return undefined;
  const where = program.directory === undefined
    ? ""
    : ` in ${program.directory}, because the working directory is gone`;
  const end = formatEnd(timeout, ending);
  return `the new version ${end}${where}: ${errors || output || "no output"}`;
}

/**
 * With OTEL_DENO=true Deno exits only once a collector has taken what the program
 * has printed, or after OTEL_EXPORTER_OTLP_TIMEOUT (10 s).
 */
function withoutTelemetry(program: NextProgram): NextProgram {
  const environment = program.environment
    .filter((entry) => !entry.startsWith("OTEL_DENO="));
  return { ...program, environment };
}

/** Deno colours an uncaught error even if standard error is a pipe. */
function withoutColors(text: string): string {
  return text.replace(/\p{Cc}\[[\d;]*m/gu, "");
}

function formatEnd(timeout: AbortSignal, ending: Ending): string {
  if (timeout.aborted) return `did not exit within ${CHECK_TIMEOUT} ms`;
  if ("signal" in ending) {
    return `was killed by ${signalName(ending.signal) ?? ending.signal}`;
  }
  return ending.code === 0
    ? "exited without reading the state"
    : `exited with status ${ending.code}`;
}
