import type { Ending } from "../../ffi/child_process.ts";
import { signalName } from "../../ffi/signal_numbers.ts";

/** Takes one line for people. */
export type Report = (line: string) => void;

const encoder = new TextEncoder();

/** Writes lines to standard error, whose reader may be gone. */
export const report: Report = (line) => {
  try {
    Deno.stderr.writeSync(encoder.encode(`multibinder-client run: ${line}\n`));
  } catch {
    // Nobody reads it any more; the service goes on.
  }
};

/** How a program ended, as a person says it. */
export function formatEnding(ending: Ending): string {
  if ("code" in ending) return `exit code ${ending.code}`;
  return signalName(ending.signal) ?? `signal ${ending.signal}`;
}
