/**
 * The tests on another processor: `deno task test:aarch64 [--jobs=N] [files]`
 * runs the files of selection.ts, or those it is told, with the aarch64 Deno on
 * an emulated aarch64. Everything that is started as `Deno.execPath()` is that
 * Deno again, re-executed daemons too; compilers, Ruby and Python are the
 * machine's own. What cannot work there is listed before the tests run.
 *
 * A start takes one to two seconds, nearly all of it qemu's translation of
 * Deno; no flag of V8's and no cache makes it shorter. Jobs are processes that
 * share the files.
 *
 * It needs root, for binfmt_misc(5) and a mount namespace, and Debian's
 * qemu-user-static and libc6-dev-arm64-cross. Nothing of it stays on the
 * machine but the folder `.aarch64/`.
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { fromFileUrl } from "@std/path";
import { CLibrary } from "./c_library.ts";
import { Emulator } from "./emulator.ts";
import { type ForeignDeno, foreignDeno } from "./foreign_deno.ts";
import { LEFT_OUT, SELECTED } from "./selection.ts";
import { testFiles } from "../test/test_files.ts";

const tree = fromFileUrl(new URL("../..", import.meta.url)).slice(0, -1);

function tellWhatIsLeftOut(files: readonly string[]): void {
  for (const file of files) {
    for (const [name, reason] of Object.entries(LEFT_OUT[file] ?? {})) {
      console.log(`left out: ${file}: ${name} (${reason})`);
    }
  }
}

/** Aborted by the signals that would end this program with things undone. */
function ending(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(name, () => controller.abort());
  }
  return controller.signal;
}

/** The surroundings of the emulated tests. */
interface Surroundings {
  /** Ends them. */
  signal: AbortSignal;
  deno: ForeignDeno;
  launcher: readonly string[];
  env: Readonly<Record<string, string>>;
}

function testing(
  files: readonly string[],
  { signal, deno, launcher, env }: Surroundings,
): Deno.Command {
  const [program, ...args] = [
    ...launcher,
    deno.path,
    "test",
    "--allow-all",
    // That is native Deno's to do.
    "--no-check",
    `--preload=${tree}/tools/aarch64/leave_out.ts`,
    ...files,
  ];
  return new Deno.Command(program!, {
    args,
    cwd: tree,
    env: {
      ...env,
      DENO_DIR: deno.cache,
      DENO_NO_UPDATE_CHECK: "1",
      MULTIBINDER_TESTS_SINGLE_START: "1",
    },
    stdin: "null",
    signal,
  });
}

/** All of it; a single write may stop anywhere. */
async function tell(
  stream: { writable: WritableStream<Uint8Array<ArrayBufferLike>> },
  text: Uint8Array<ArrayBuffer>,
): Promise<void> {
  await new Blob([text]).stream()
    .pipeTo(stream.writable, { preventClose: true });
}

/** One job tells as it goes along, several tell one after the other. */
async function run(
  jobs: readonly (readonly string[])[],
  surroundings: Surroundings,
): Promise<boolean> {
  if (jobs.length === 1) {
    return (await testing(jobs[0]!, surroundings).spawn().status).success;
  }
  const outputs = await Promise.all(
    jobs.map((files) => testing(files, surroundings).output()),
  );
  for (const { stdout, stderr } of outputs) {
    await tell(Deno.stdout, stdout);
    await tell(Deno.stderr, stderr);
  }
  return outputs.every(({ success }) => success);
}

async function main(args: string[]): Promise<boolean> {
  const { jobs: wanted, _: named } = parseArgs(args, {
    string: ["jobs", "_"],
    default: { jobs: "1" },
  });
  const files = await testFiles(
    tree,
    named.length > 0 ? named.map(String) : SELECTED,
  );
  const jobs = Math.min(Number(wanted), files.length);
  if (!Number.isInteger(jobs) || jobs < 1) {
    throw new Error(`${files.length} files cannot be shared by ${wanted} jobs`);
  }
  tellWhatIsLeftOut(files);
  const signal = ending();
  const deno = await foreignDeno(tree);
  await using library = await CLibrary.inSight();
  await using emulator = await Emulator.register();
  const shares = Array.from(
    { length: jobs },
    (_, job) => files.filter((_, index) => index % jobs === job),
  );
  return await run(shares, {
    signal,
    deno,
    launcher: library.launcher,
    env: emulator.env,
  });
}

try {
  Deno.exitCode = await main(Deno.args) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  Deno.exitCode = 1;
}
