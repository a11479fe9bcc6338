import { NonblockingWriter } from "../ffi/files/nonblocking_writer.ts";
import { waitReadySync } from "../ffi/files/readiness.ts";
import { OsError } from "../ffi/libc/errno.ts";
import type { Ending } from "../ffi/processes/child_process.ts";
import { signalName } from "../ffi/processes/signal_numbers.ts";

/** Takes one line of text for people. */
export type Report = (line: string) => void;

const STANDARD_ERROR = 2;

/** How long a line waits for the reader of standard error, in ms. */
const PATIENCE = 100;

const encoder = new TextEncoder();

/**
 * Writes lines to standard error, each after the name of the program. A reader that
 * does not read must not stop the supervision: lines are dropped and counted.
 */
export function reporter(program: string): Report {
  let dropped = 0;
  return (line) => {
    const gap = dropped === 0 ? "" : `${program}: ${dropped} lines dropped\n`;
    const isWritten = tryToWrite(`${gap}${program}: ${line}\n`);
    dropped = isWritten ? 0 : dropped + 1;
  };
}

function tryToWrite(text: string): boolean {
  try {
    return write(text);
  } catch (error) {
    // The reader may be gone, which must not end a service.
    if (error instanceof OsError) return false;
    // The line may say that the C library cannot be used.
    Deno.stderr.writeSync(encoder.encode(text));
    return true;
  }
}

let writer: NonblockingWriter | undefined;

/** Returns whether the reader has taken all of the text. */
function write(text: string): boolean {
  writer ??= new NonblockingWriter(STANDARD_ERROR);
  let rest = encoder.encode(text);
  while (rest.length > 0) {
    const count = writer.write(rest);
    if (count !== -1) rest = rest.subarray(count);
    else if (!waitReadySync(writer.fd, "write", PATIENCE)) return false;
  }
  return true;
}

/** How a program ended, for messages: `exit code 3`, `SIGKILL`. */
export function formatEnding(ending: Ending): string {
  if ("code" in ending) return `exit code ${ending.code}`;
  return signalName(ending.signal) ?? `signal ${ending.signal}`;
}
