/**
 * The tests on another processor: `deno task test:aarch64 [--jobs=N] [files]`
 * runs the files of selection.ts, or those it is told, with the aarch64 Deno on
 * an emulated aarch64. Everything that is started as `Deno.execPath()` is that
 * Deno again, re-executed daemons too; compilers, Ruby and Python are the
 * machine's own. What cannot work there is listed before the tests run.
 *
 * A start takes one to two seconds, nearly all of it qemu's translation of
 * Deno; no flag of V8's and no cache makes it shorter.
 *
 * It needs root, for binfmt_misc(5) and a mount namespace, and Debian's
 * qemu-user-static and libc6-dev-arm64-cross. Nothing of it stays on the
 * machine but the folder `.denos/`.
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { printLeftOut } from "../other_denos/left_out.ts";
import { npmDeno } from "../other_denos/npm_deno.ts";
import {
  endingSignal,
  shares,
  testCommand,
  TREE,
  write,
} from "../other_denos/run_tests.ts";
import { testFiles } from "../test/test_files.ts";
import { CLibrary } from "./c_library.ts";
import { Emulator } from "./emulator.ts";
import { LEFT_OUT, SELECTED } from "./selection.ts";

/** The newest that npm has for aarch64. */
const VERSION = "2.9.5";

/** One job prints as it goes along, several print one after the other. */
async function run(commands: readonly Deno.Command[]): Promise<boolean> {
  if (commands.length === 1) {
    return (await commands[0]!.spawn().status).success;
  }
  const outputs = await Promise.all(commands.map((each) => each.output()));
  for (const { stdout, stderr } of outputs) {
    await write(Deno.stdout, stdout);
    await write(Deno.stderr, stderr);
  }
  return outputs.every(({ success }) => success);
}

async function main(args: string[]): Promise<boolean> {
  const { jobs: wanted = "1", _: named } = parseArgs(args, {
    string: ["jobs", "_"],
  });
  const files = await testFiles(
    TREE,
    named.length > 0 ? named.map(String) : SELECTED,
  );
  const jobs = Math.min(Number(wanted), files.length);
  if (!Number.isInteger(jobs) || jobs < 1) {
    throw new Error(`${files.length} files cannot be shared by ${wanted} jobs`);
  }
  printLeftOut(LEFT_OUT, files);
  const signal = endingSignal();
  const deno = await npmDeno(TREE, "aarch64", VERSION);
  await using library = await CLibrary.inSight();
  await using emulator = await Emulator.register();
  const { launcher } = library;
  const env = { ...emulator.env, MULTIBINDER_TESTS_SINGLE_START: "1" };
  return await run(
    shares(files, jobs).map((files) =>
      testCommand({ deno, files, launcher, env, signal })
    ),
  );
}

try {
  Deno.exitCode = await main(Deno.args) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  Deno.exitCode = 1;
}
