/**
 * The tests on every supported version of Deno: `deno task test:versions
 * [--save] [files]` runs the given files, or those of selection.ts, with each
 * version from npm; the version of this Deno runs only what needs other versions.
 * `--save` writes the table of docs/compatibility.md.
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { printLeftOut, without } from "../other_denos/left_out.ts";
import { type NpmDeno, npmDeno } from "../other_denos/npm_deno.ts";
import {
  endingSignal,
  testCommand,
  type TestRun,
  TREE,
  write,
} from "../other_denos/run_tests.ts";
import { countsIn } from "../test/part.ts";
import { testFiles } from "../test/test_files.ts";
import {
  leftOutIn,
  SAME,
  SELECTED,
  UNSUPPORTED,
  VERSIONS,
} from "./selection.ts";
import { type VersionResult, writeTable } from "./table.ts";

/** How many versions are tested in parallel. */
const JOBS = 2;

const decoder = new TextDecoder();

async function testVersion(run: TestRun): Promise<VersionResult> {
  const { files, deno: { version } } = run;
  const { stdout, stderr, success } = await testCommand(run).output();
  await write(Deno.stdout, new TextEncoder().encode(`=== Deno ${version}\n`));
  const leftOut = leftOutIn(version);
  printLeftOut(leftOut, files);
  await write(Deno.stdout, stdout);
  await write(Deno.stderr, stderr);
  const { summaries, passed, failed } = countsIn(decoder.decode(stdout));
  return {
    version,
    passed,
    failed: success && summaries > 0 ? failed : Math.max(1, failed),
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
  const files = named.length > 0
    ? await testFiles(TREE, named.map(String))
    : without(SAME, await testFiles(TREE, SELECTED));
  // The rest of them is in `deno task test`, which this Deno runs.
  const ownFiles = save || named.length > 0
    ? files
    : await testFiles(TREE, ["tests/versions"]);
  const signal = endingSignal();
  const denos: NpmDeno[] = [];
  for (const version of [UNSUPPORTED, ...VERSIONS]) {
    denos.push(await npmDeno(TREE, "x86_64", version));
  }
  const paths = denos.map(({ version, path }) => [version, path]);
  const env = {
    NO_COLOR: "1",
    MULTIBINDER_DENOS: JSON.stringify(Object.fromEntries(paths)),
  };
  const waiting = denos.filter(({ version }) => version !== UNSUPPORTED);
  const results: VersionResult[] = [];
  await Promise.all(Array.from({ length: JOBS }, async () => {
    for (let deno; (deno = waiting.shift()) !== undefined;) {
      const chosen = deno.version === Deno.version.deno ? ownFiles : files;
      results.push(await testVersion({ deno, files: chosen, env, signal }));
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
