import type { Ending } from "../ffi/processes/child_process.ts";
import { signalName } from "../ffi/processes/signal_numbers.ts";

/** Takes one line of text for people. */
export type Report = (line: string) => void;

const encoder = new TextEncoder();

/** Writes lines to standard error, each after the name of the program. */
export function reporter(program: string): Report {
  return (line) => {
    try {
      Deno.stderr.writeSync(encoder.encode(`${program}: ${line}\n`));
    } catch {
      // The reader of standard error may be gone, which must not end a service.
    }
  };
}

/** How a program ended, for messages: `exit code 3`, `SIGKILL`. */
export function formatEnding(ending: Ending): string {
  if ("code" in ending) return `exit code ${ending.code}`;
  return signalName(ending.signal) ?? `signal ${ending.signal}`;
}
