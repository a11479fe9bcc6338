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
import { writeStandIn } from "./stand_in.ts";

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
 * @returns a line that says what the program was put into.
 * @throws {UnsupportedPlatformError} for a target that is not ours.
 */
export async function compile(
  { output, folder = tree, target = Deno.build.target }: Compilation,
): Promise<string> {
  const permissions = permissionFlags(target);
  await Deno.mkdir(dirname(output), { recursive: true });
  const lack = await lackOfRuntime(target);
  if (lack === undefined) {
    await compileForReal({ output, folder, target }, permissions);
    return `${output} has the runtime of deno compile`;
  }
  if (target !== Deno.build.target) {
    throw new Error(
      `the runtime for ${target} cannot be had, and DENORT_BIN names none: ${lack}`,
    );
  }
  await writeStandIn(output, folder, permissions);
  return `${output} has a stand-in for the runtime of deno compile, for tests only: ${lack}`;
}

async function compileForReal(
  { output, folder, target }: Required<Compilation>,
  permissions: readonly string[],
): Promise<void> {
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
    console.log(await compile(readArguments(Deno.args)));
  } catch (error) {
    const isUsage = error instanceof TypeError;
    console.error(
      `${(error as Error).message}${isUsage ? `\n${USAGE}` : ""}`,
    );
    Deno.exit(isUsage ? 2 : 1);
  }
}
