/**
 * Makes one binary of the daemon and the client: `deno task compile
 * [--target TARGET] [OUTPUT]`, by default for this machine and as
 * dist/multibinder.
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { dirname, resolve } from "@std/path";
import { denoOutput } from "../folder_registry/deno_command.ts";
import { permissionFlags } from "./permissions.ts";
import { lackOfRuntime } from "./runtime.ts";

const tree = resolve(import.meta.dirname!, "../..");

/** What to compile. */
export interface Compilation {
  /** The binary's path; what is there is replaced in one step. */
  output: string;
  /** With multibinder.ts and what it imports. Default: this tree. */
  folder?: string;
  /** Default: this machine's. */
  target?: string;
}

/**
 * Compiles.
 *
 * @throws {UnsupportedPlatformError} for a target that is not ours.
 * @throws {Error} where the runtime for the target cannot be had.
 */
export async function compile(
  { output, folder = tree, target = Deno.build.target }: Compilation,
): Promise<void> {
  const permissions = permissionFlags(target);
  await Deno.mkdir(dirname(output), { recursive: true });
  const lack = await lackOfRuntime(target);
  if (lack !== undefined) {
    throw new Error(
      `the runtime for ${target} cannot be downloaded, and DENORT_BIN names none: ${lack}`,
    );
  }
  await denoOutput(
    [
      "compile",
      ...permissions,
      // The cache would be a file in /tmp, of a name that anybody can foresee
      // and fill with machine code for the daemon.
      "--no-code-cache",
      `--target=${target}`,
      `--output=${output}`,
      "multibinder.ts",
    ],
    { cwd: folder },
  );
}

const USAGE = "Usage: deno task compile [--target TARGET] [OUTPUT]";

/** @throws {TypeError} for an option or a word that means nothing. */
function readArguments(args: string[]): Compilation {
  const { target, _: [output = "dist/multibinder", ...more] } = parseArgs(
    args,
    {
      string: ["_", "target"],
      unknown: (argument, option) => {
        if (option !== undefined) throw new TypeError(`no option ${argument}`);
      },
    },
  );
  if (more.length > 0) throw new TypeError(`one output, not also ${more[0]}`);
  return {
    output: resolve(String(output)),
    ...(target !== undefined && { target }),
  };
}

if (import.meta.main) {
  try {
    const compilation = readArguments(Deno.args);
    await compile(compilation);
    console.log(`compiled ${compilation.output}`);
  } catch (error) {
    const isUsage = error instanceof TypeError;
    console.error(
      `${(error as Error).message}${isUsage ? `\n${USAGE}` : ""}`,
    );
    Deno.exit(isUsage ? 2 : 1);
  }
}
