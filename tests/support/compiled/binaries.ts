/**
 * Binaries as `deno task compile` makes them: of this tree, and of the same
 * tree with another version.
 *
 * @module
 */
import { compile } from "../../../tools/compile/compile.ts";
import { runtimeProblem } from "../../../tools/compile/runtime.ts";
import { Scratch } from "../tree.ts";
import { SourceCopy } from "../upgrade/copied_daemon.ts";

/**
 * For the option `ignore` of a test: prints why and returns true when the
 * runtime of `deno compile` is missing.
 */
export async function cannotCompile(): Promise<boolean> {
  const problem = await runtimeProblem(Deno.build.target);
  if (problem === undefined) return false;
  console.log(`skipped: deno compile has no runtime here: ${problem}`);
  return true;
}

/** The version of the other binary. */
export const OTHER_VERSION = "99.0.0";

/** Binaries in a temporary folder, each compiled at its first use. */
export class Binaries implements AsyncDisposable {
  readonly #scratch = Scratch.make();
  #current: Promise<string> | undefined;
  #other: Promise<string> | undefined;

  /** The path of one of this tree. */
  current(): Promise<string> {
    return this.#current ??= this.#compile("current", undefined);
  }

  /** The path of one of {@linkcode OTHER_VERSION}. */
  other(): Promise<string> {
    return this.#other ??= this.#compileOther();
  }

  async #compileOther(): Promise<string> {
    const scratch = await this.#scratch;
    const source = await SourceCopy.make(scratch.join("source"), [
      "client",
      "supervisor",
      "multibinder.ts",
    ]);
    await source.setVersion(OTHER_VERSION);
    return await this.#compile("other", source.folder);
  }

  async #compile(name: string, folder: string | undefined): Promise<string> {
    const output = (await this.#scratch).join(name);
    await compile({ output, ...(folder && { folder }) });
    return output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#scratch)[Symbol.asyncDispose]();
  }
}
