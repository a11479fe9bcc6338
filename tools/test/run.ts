/**
 * Runs the tests in parallel processes, one folder per process:
 *
 *     deno task test [--tier=fast|long|all] [--jobs=N] [--filter=NAME] [FILE|FOLDER...]
 *
 * `deno test --parallel` is not suitable: its test files share one process, and
 * many tests inspect the descriptors of their process. A part's output is
 * printed when the part ends. The last line is like that of `deno test`.
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { fromFileUrl } from "@std/path";
import { type Part, type Result, RunningPart } from "./part.ts";
import { testFiles } from "./test_files.ts";
import {
  LONG,
  LONG_COMMANDS,
  LONGEST_FIRST,
  MAY_SKIP,
  OF_COMMANDS,
} from "./tiers.ts";

const tree = fromFileUrl(new URL("../..", import.meta.url)).slice(0, -1);

interface Options {
  tier: "fast" | "long" | "all";
  jobs: number;
  /** Arguments of each `deno test`. */
  testArgs: string[];
  /** Files and folders. Default: those of the tier. */
  paths: string[];
}

function optionsOf(args: string[]): Options {
  const {
    tier = "fast",
    // Fast tests often wait for a program that sleeps: one more keeps the processors
    // busy.
    jobs = String(navigator.hardwareConcurrency + (tier === "fast" ? 1 : 0)),
    filter,
    _: paths,
  } = parseArgs(args, {
    string: ["tier", "jobs", "filter", "_"],
    unknown: (name, key) => {
      if (key !== undefined) usageError(`unknown option ${name}`);
      return true;
    },
  });
  if (tier !== "fast" && tier !== "long" && tier !== "all") {
    usageError(`invalid --tier ${tier}: expected fast, long or all`);
  }
  if (!/^[1-9]\d*$/.test(jobs)) {
    usageError(`invalid --jobs ${jobs}: expected a number from 1 on`);
  }
  return {
    tier,
    jobs: Number(jobs),
    testArgs: filter === undefined ? [] : [`--filter=${filter}`],
    paths: paths.map(String),
  };
}

function usageError(message: string): never {
  console.error(message);
  Deno.exit(2);
}

function isAmong(file: string, paths: readonly string[]): boolean {
  return paths.some((path) => file === path || file.startsWith(`${path}/`));
}

async function filesOf({ tier, paths }: Options): Promise<string[]> {
  if (paths.length > 0) return await testFiles(tree, paths);
  const all = (await testFiles(tree, ["tests"]))
    .filter((file) => !isAmong(file, OF_COMMANDS));
  if (tier === "all") return all;
  const long = Object.keys(LONG);
  return all.filter((file) => isAmong(file, long) === (tier === "long"));
}

/**
 * One part for each folder, and the tier's other commands; the longest first.
 */
function partsOf(files: readonly string[], options: Options): Part[] {
  const test = [Deno.execPath(), "test", "-A", "--no-check"];
  const folders = Map.groupBy(
    files,
    (file) => file.slice(0, file.lastIndexOf("/")),
  );
  const parts = [...folders].map(([name, files]): Part => ({
    name,
    command: [...test, ...options.testArgs, ...files],
  }));
  const whole = options.paths.length === 0 && options.testArgs.length === 0;
  if (options.tier !== "fast" && whole) {
    for (const task of Object.keys(LONG_COMMANDS)) {
      const jobs = task === "test:aarch64" ? ["--jobs=2"] : [];
      parts.push({
        name: task,
        command: [Deno.execPath(), "task", task, ...jobs],
      });
    }
  }
  const rank = ({ name }: Part) => {
    const index = LONGEST_FIRST.indexOf(name);
    return index === -1 ? LONGEST_FIRST.length : index;
  };
  return parts.sort((one, other) => rank(one) - rank(other));
}

async function checkTypes(files: readonly string[]): Promise<boolean> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--quiet", ...files],
    cwd: tree,
    stdin: "null",
  }).spawn().status;
  return success;
}

function print({ name, seconds, output }: Result): void {
  console.log(`=== ${name} (${duration(seconds)})\n${output.trimEnd()}\n`);
}

function duration(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 60
    ? `${whole}s`
    : `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, "0")}s`;
}

/** Runs the parts, `jobs` at a time. */
async function runAll(
  parts: readonly Part[],
  jobs: number,
): Promise<Result[]> {
  const waiting = [...parts];
  const running = new Set<RunningPart>();
  const results: Result[] = [];
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      waiting.length = 0;
      for (const each of running) each.end();
    });
  }
  const work = async () => {
    for (let part; (part = waiting.shift()) !== undefined;) {
      const started = new RunningPart(part, tree);
      running.add(started);
      const result = await started.result();
      running.delete(started);
      print(result);
      results.push(result);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return results;
}

function skippedAgainstTheRules({ name, ignored }: Result): string[] {
  const required = Deno.env.has("MULTIBINDER_TESTS_REQUIRE_ALL");
  if (!required || ignored === 0 || name in MAY_SKIP) return [];
  return [`${name}: ${ignored} tests were skipped, and all are required`];
}

function summarize(results: readonly Result[], seconds: number): boolean {
  const sum = (word: "passed" | "failed" | "ignored") =>
    results.reduce((total, result) => total + result[word], 0);
  const failures = results.flatMap((result) => [
    ...result.failures,
    ...skippedAgainstTheRules(result),
  ]);
  if (failures.length > 0) {
    // Again, because whoever keeps a long output often keeps its end only.
    const errors = results.map((result) => result.errors).join("");
    console.log(`ERRORS\n\n${errors}`);
    console.log(`FAILURES\n\n${failures.join("\n")}\n`);
  }
  const ignored = sum("ignored");
  console.log(
    `${failures.length === 0 ? "ok" : "FAILED"} | ${sum("passed")} passed | ` +
      `${failures.length} failed` +
      (ignored > 0 ? ` | ${ignored} ignored` : "") +
      ` (${duration(seconds)})`,
  );
  return failures.length === 0;
}

const options = optionsOf(Deno.args);
const started = performance.now();
const files = await filesOf(options);
if (!await checkTypes(files)) Deno.exit(1);
const results = await runAll(partsOf(files, options), options.jobs);
const ok = summarize(results, (performance.now() - started) / 1000);
// Exit explicitly, because the signal handlers keep the event loop running.
Deno.exit(ok ? 0 : 1);
