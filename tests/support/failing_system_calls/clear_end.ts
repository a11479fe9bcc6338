/**
 * How a daemon ends that cannot go on: with one line for people.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { FaultyProcess } from "./faulty_process.ts";
import type { Fault } from "./plan.ts";

/** Where the error names another call than the one that we have failing. */
const CALLED: Readonly<Record<string, string>> = { pread: "read" };

/** What a line of the log begins with, unlike a line for people. */
const LOGGED = /^\d{4}-\d\d-\d\dT\S+ (DEBUG|INFO|WARN|ERROR) /;

/** Asserts that it has ended, and that its last words say why. */
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
  assert(words[0]!.startsWith("multibinder: "), words[0]);
  assertStringIncludes(words[0]!, CALLED[symbol] ?? symbol);
  // malloc(3) has one reason only.
  if (symbol !== "malloc") assertStringIncludes(words[0]!, outcome);
}

/** Asserts that nothing is at a path. */
export async function assertNothingAt(path: string): Promise<void> {
  const found = await Deno.lstat(path).then(() => true, () => false);
  assert(!found, `${path} is left`);
}
