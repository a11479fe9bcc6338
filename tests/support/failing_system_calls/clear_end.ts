/**
 * Asserts that a daemon that cannot continue exits with an error of one line.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { FaultyProcess } from "./faulty_process.ts";
import type { Fault } from "./plan.ts";

/** Calls whose errors name another call. */
const CALLED: Readonly<Record<string, string>> = { pread: "read" };

/** The start of a log line, unlike that of an error. */
const LOGGED = /^\d{4}-\d\d-\d\dT\S+ (DEBUG|INFO|WARN|ERROR) /;

/** Asserts that the daemon has exited with an error that has the reason. */
export async function assertClearEnd(
  process: FaultyProcess,
  { symbol, outcome }: Fault,
): Promise<void> {
  const { code, signal, errors } = await process.program.end();
  const words = errors.split("\n").filter((line) => !LOGGED.test(line));
  assertEquals({ code, signal, lines: words.length }, {
    code: 1,
    signal: null,
    lines: 1,
  }, `it wrote: ${errors}`);
  assert(words[0]!.startsWith("multibinder-server: "), words[0]);
  assertStringIncludes(words[0]!, CALLED[symbol] ?? symbol);
  // malloc(3) has only one error.
  if (symbol !== "malloc") assertStringIncludes(words[0]!, outcome);
}

/** Asserts that a path does not exist. */
export async function assertNothingAt(path: string): Promise<void> {
  const found = await Deno.lstat(path).then(() => true, () => false);
  assert(!found, `${path} is left`);
}
