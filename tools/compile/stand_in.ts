/**
 * What stands in for `deno compile` where its runtime cannot be had, so that
 * the binary can be built and tested on a closed network. It is never to be
 * published: it is a whole Deno, and starts more slowly than the real thing.
 *
 * It is one file, too, and a process of it looks like one of the real binary:
 * /proc/self/exe is the file, the command line has no `deno run`, and the code
 * comes out of the file. It consists of a copy of this Deno and one more
 * segment behind it, with the program as one bundled module and a loader
 * (stand_in_loader.c) that starts that Deno with `run`, the permissions and
 * the module as a data URL before the arguments it was called with.
 * @module
 */

import { denoOutput } from "../folder_registry/deno_command.ts";
import { ElfProgram } from "./elf.ts";

/** What it takes to build one, by the names that Debian gives this target's. */
export const STAND_IN_PROGRAMS = [
  `${Deno.build.arch}-linux-gnu-gcc`,
  `${Deno.build.arch}-linux-gnu-objcopy`,
] as const;

/** Nothing but what is in the file counts. */
const CLOSED = ["--no-config", "--no-lock", "--no-npm", "--no-remote"];

/**
 * Writes the binary.
 *
 * @param folder with multibinder.ts and what it imports
 * @param permissions flags of `deno run`
 */
export async function writeStandIn(
  output: string,
  folder: string,
  permissions: readonly string[],
): Promise<void> {
  const scratch = await Deno.makeTempDir({ prefix: "multibinder-stand-in-" });
  try {
    const module = await bundled(folder, scratch);
    const builtIn = ["run", ...CLOSED, ...permissions, dataUrl(module)];
    const program = new ElfProgram(await Deno.readFile(Deno.execPath()));
    const code = await loader(scratch, builtIn, program);
    const made = `${output}.${crypto.randomUUID()}`;
    await Deno.writeFile(made, program.beginningWith(code), { mode: 0o755 });
    await Deno.rename(made, output);
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

/** The program and all that it imports as one module, short: each start reads it anew. */
async function bundled(
  folder: string,
  scratch: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const module = `${scratch}/multibinder.js`;
  await denoOutput(
    [
      "bundle",
      "--quiet",
      "--minify",
      "--platform=deno",
      `--output=${module}`,
      "multibinder.ts",
    ],
    { cwd: folder },
  );
  return await Deno.readFile(module);
}

function dataUrl(module: Uint8Array<ArrayBuffer>): string {
  return `data:application/javascript;base64,${module.toBase64()}`;
}

/** The loader as it lies in memory, from its first instruction on. */
async function loader(
  scratch: string,
  builtIn: readonly string[],
  program: ElfProgram,
): Promise<Uint8Array<ArrayBuffer>> {
  await Deno.writeTextFile(
    `${scratch}/built_in`,
    builtIn.map((argument) => `${argument}\0`).join(""),
  );
  const [compiler, objcopy] = STAND_IN_PROGRAMS;
  await run(scratch, compiler, [
    ...["-Wall", "-Wextra", "-Werror", "-O2", "-fpie", "-ffreestanding"],
    ...["-fno-stack-protector", "-fno-asynchronous-unwind-tables"],
    ...["-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none"],
    `-Wl,--defsym=load_address=${program.nextAddress}`,
    `-Wl,--defsym=deno_start=${program.entry}`,
    `-Wl,--script=${import.meta.dirname}/stand_in_loader.ld`,
    ...["-o", "loader", `${import.meta.dirname}/stand_in_loader.c`],
  ]);
  await run(scratch, objcopy, ["-O", "binary", "loader", "loader.bin"]);
  return await Deno.readFile(`${scratch}/loader.bin`);
}

async function run(cwd: string, command: string, args: string[]) {
  const { success, stderr } = await new Deno.Command(command, {
    args,
    cwd,
    stdin: "null",
  }).output();
  if (success) return;
  throw new Error(`${command} failed: ${new TextDecoder().decode(stderr)}`);
}
