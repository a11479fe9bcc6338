/**
 * Writes text to standard output and standard error of a program that people and
 * scripts call. They work without the C library, as `--help` has to.
 *
 * @module
 */
import { waitReadySync } from "./readiness.ts";

const STANDARD_OUTPUT = 1;
const STANDARD_ERROR = 2;

/** Standard output cannot be written, for example because the disk is full. */
export class OutputError extends Error {
  /** `OutputError`. */
  override readonly name = "OutputError";

  /** `cause` is the error of the write. */
  constructor(override readonly cause: Error) {
    const { message } = cause;
    const reason = message.replace(/ \(os error \d+\)$/, "");
    super(`cannot write to standard output: ${reason}`);
  }
}

interface Stream {
  readonly fd: number;
  readonly writeSync: (bytes: Uint8Array) => number;
}

const encoder = new TextEncoder();

function writeAll({ fd, writeSync }: Stream, text: string): void {
  let rest = encoder.encode(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(rest));
    } catch (error) {
      // Another process has set O_NONBLOCK on the pipe or terminal.
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      waitReadySync(fd, "write", Infinity);
    }
  }
}

/** Whether a write failed because the reader has ended, as `head` does. */
export function isReaderGone(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe;
}

/**
 * Writes lines to standard output. A reader that has ended is not an error.
 *
 * @throws {OutputError} for any other failure, such as a full disk.
 */
export function printLines(...lines: readonly string[]): void {
  const writeSync = (bytes: Uint8Array) => Deno.stdout.writeSync(bytes);
  try {
    const text = lines.map((line) => line + "\n").join("");
    writeAll({ fd: STANDARD_OUTPUT, writeSync }, text);
  } catch (error) {
    if (!isReaderGone(error)) throw new OutputError(error as Error);
  }
}

/** Writes lines to standard error; a failure must not change the exit status. */
export function printErrors(...lines: readonly string[]): void {
  const writeSync = (bytes: Uint8Array) => Deno.stderr.writeSync(bytes);
  try {
    const text = lines.map((line) => line + "\n").join("");
    writeAll({ fd: STANDARD_ERROR, writeSync }, text);
  } catch {
    // Nobody can be told.
  }
}
