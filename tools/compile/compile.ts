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
import { runtimeProblem } from "./runtime.ts";

const tree = resolve(import.meta.dirname!, "../..");

/** What to compile. */
export interface Compilation {
  /** The binary's path; an existing file is replaced atomically. */
  output: string;
  /** A folder with multibinder.ts and its imports. Default: this tree. */
  folder?: string;
  /** Default: this machine's. */
  target?: string;
}

/**
 * Compiles.
 *
 * @throws {UnsupportedPlatformError} for a target that is not ours.
 * @throws {Error} when the runtime for the target is missing.
 */
export async function compile(
  { output, folder = tree, target = Deno.build.target }: Compilation,
): Promise<void> {
  const permissions = permissionFlags(target);
  await Deno.mkdir(dirname(output), { recursive: true });
  const problem = await runtimeProblem(target);
  if (problem !== undefined) {
    throw new Error(
      `the runtime for ${target} cannot be downloaded, and DENORT_BIN names none: ${problem}`,
    );
  }
  await denoOutput(
    [
      "compile",
      ...permissions,
      // The cache would be a file in /tmp with a predictable name, where any
      // user could put machine code for the daemon.
      "--no-code-cache",
      `--target=${target}`,
      `--output=${output}`,
      "multibinder.ts",
    ],
    { cwd: folder },
  );
}

const USAGE = "Usage: deno task compile [--target TARGET] [OUTPUT]";

/** @throws {TypeError} for an unknown option or an unexpected argument. */
function readArguments(args: string[]): Compilation {
  const { target, _: [output = "dist/multibinder", ...more] } = parseArgs(
    args,
    {
      string: ["_", "target"],
      unknown: (argument, option) => {
        if (option !== undefined) {
          throw new TypeError(`unknown option ${argument}`);
        }
      },
    },
  );
  if (more.length > 0) throw new TypeError(`unexpected argument ${more[0]}`);
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
