/**
 * The tests on another processor: `deno task test:aarch64 [--jobs=N] [files]`
 * runs the given files, or those of selection.ts, with the aarch64 Deno on an
 * emulated aarch64. `Deno.execPath()` is the emulated Deno, so a re-executed
 * daemon is emulated too; compilers, Ruby and Python are native. The tests that
 * cannot work there are listed first.
 *
 * A start takes one to two seconds: qemu translates Deno, and no flag of V8 and
 * no cache makes that shorter.
 *
 * It needs root, for binfmt_misc(5) and a mount namespace, and Debian's
 * qemu-user-static and libc6-dev-arm64-cross. Only the folder `.denos/` stays.
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { printLeftOut, without } from "../other_denos/left_out.ts";
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
import { LEFT_OUT, SAME, SELECTED } from "./selection.ts";

/** The newest that npm has for aarch64. */
const VERSION = "2.9.5";

/** One job prints while it runs; several print one after the other. */
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
  const files = named.length > 0
    ? await testFiles(TREE, named.map(String))
    : without(SAME, await testFiles(TREE, SELECTED));
  const jobs = Math.min(Number(wanted), files.length);
  if (!Number.isInteger(jobs) || jobs < 1) {
    throw new Error(`${files.length} files cannot be shared by ${wanted} jobs`);
  }
  printLeftOut(LEFT_OUT, files);
  const signal = endingSignal();
  const deno = await npmDeno(TREE, "aarch64", VERSION);
  await using library = await CLibrary.prepare();
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
