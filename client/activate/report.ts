/**
 * What this module tells the operator: one line on standard error.
 *
 * @module
 */

import { printErrors } from "../../ffi/files/standard_streams.ts";

const reported = new Set<string>();

/** Writes a line, the same line only once. */
export function report(line: string): void {
  if (reported.has(line)) return;
  reported.add(line);
  printErrors(`multibinder-activate: ${line.replaceAll("\n", " ")}`);
}

/** Says why the program listens on an address itself. */
export function reportNotShared(address: string, reason: unknown): void {
  const text = reason instanceof Error ? reason.message : String(reason);
  report(`${address} is not shared: ${text}`);
}
