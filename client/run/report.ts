import type { Ending } from "../../ffi/child_process.ts";
import { signalName } from "../../ffi/signal_numbers.ts";
import { programName } from "../command/program_name.ts";

/** Takes one line for people. */
export type Report = (line: string) => void;

const encoder = new TextEncoder();

/** Writes lines to standard error, whose reader may be gone. */
export function reporter(program: string): Report {
  return (line) => {
    try {
      Deno.stderr.writeSync(encoder.encode(`${program}: ${line}\n`));
    } catch {
      // Nobody reads it any more; the service goes on.
    }
  };
}

/** Writes lines of the command `run`. */
export const report: Report = (line) => reporter(`${programName()} run`)(line);

/** How a program ended, as a person says it. */
export function formatEnding(ending: Ending): string {
  if ("code" in ending) return `exit code ${ending.code}`;
  return signalName(ending.signal) ?? `signal ${ending.signal}`;
}
