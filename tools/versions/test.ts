/**
 * The tests on every supported version of Deno: `deno task test:versions
 * [--save] [files]` runs the given files, or those of selection.ts, with each
 * version from npm; the version of this Deno runs only what needs other versions.
 * `--save` writes the table of docs/compatibility.md.
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { printLeftOut } from "../other_denos/left_out.ts";
import { npmDeno } from "../other_denos/npm_deno.ts";
import {
  endingSignal,
  testCommand,
  TREE,
  write,
} from "../other_denos/run_tests.ts";
import { testFiles } from "../test/test_files.ts";
import { leftOutIn, SELECTED, UNSUPPORTED, VERSIONS } from "./selection.ts";
import { type VersionResult, writeTable } from "./table.ts";

/** How many versions are tested in parallel. */
const JOBS = 2;

const decoder = new TextDecoder();

/** The counts in the last line of `deno test`. */
function countsIn(output: string): Pick<VersionResult, "passed" | "failed"> {
  const [, passed, failed] =
    /^(?:ok|FAILED) \| (\d+) passed.* \| (\d+) failed/m.exec(output) ?? [];
  return { passed: Number(passed ?? 0), failed: Number(failed ?? 1) };
}

async function testVersion(
  version: string,
  files: readonly string[],
  { denos, signal }: { denos: Record<string, string>; signal: AbortSignal },
): Promise<VersionResult> {
  const deno = await npmDeno(TREE, "x86_64", version);
  const env = { NO_COLOR: "1", MULTIBINDER_DENOS: JSON.stringify(denos) };
  const { stdout, stderr, success } = await testCommand({
    deno,
    files,
    env,
    signal,
  }).output();
  await write(Deno.stdout, new TextEncoder().encode(`=== Deno ${version}\n`));
  const leftOut = leftOutIn(version);
  printLeftOut(leftOut, files);
  await write(Deno.stdout, stdout);
  await write(Deno.stderr, stderr);
  const counts = countsIn(decoder.decode(stdout));
  return {
    version,
    ...counts,
    failed: success ? counts.failed : Math.max(1, counts.failed),
    leftOut: files.reduce(
      (sum, file) => sum + Object.keys(leftOut[file] ?? {}).length,
      0,
    ),
  };
}

async function main(args: string[]): Promise<boolean> {
  const { save, _: named } = parseArgs(args, {
    boolean: ["save"],
    string: ["_"],
  });
  const files = await testFiles(
    TREE,
    named.length > 0 ? named.map(String) : SELECTED,
  );
  // The rest of them is in `deno task test`, which this Deno runs.
  const ownFiles = save || named.length > 0
    ? files
    : await testFiles(TREE, ["tests/versions"]);
  const signal = endingSignal();
  const denos: Record<string, string> = {};
  for (const version of [UNSUPPORTED, ...VERSIONS]) {
    denos[version] = (await npmDeno(TREE, "x86_64", version)).path;
  }
  const waiting: string[] = [...VERSIONS];
  const results: VersionResult[] = [];
  await Promise.all(Array.from({ length: JOBS }, async () => {
    for (let version; (version = waiting.shift()) !== undefined;) {
      const chosen = version === Deno.version.deno ? ownFiles : files;
      results.push(await testVersion(version, chosen, { denos, signal }));
    }
  }));
  const order = (version: string) => VERSIONS.findIndex((v) => v === version);
  results.sort((one, other) => order(one.version) - order(other.version));
  for (const { version, passed, failed, leftOut } of results) {
    console.log(
      `Deno ${version}: ${passed} passed, ${failed} failed, ${leftOut} left out`,
    );
  }
  if (save) await writeTable(`${TREE}/docs/compatibility.md`, results);
  return results.every(({ failed }) => failed === 0);
}

try {
  Deno.exitCode = await main(Deno.args) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  Deno.exitCode = 1;
}
