/**
 * Paths: this tree, the C library, temporary directories.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";
import { abi } from "../../ffi/libc/abi.ts";

/** A file of this tree, by its path from the root. */
export function treePath(path: string): string {
  return fromFileUrl(new URL(`../../${path}`, import.meta.url));
}

/** The C library, as `--allow-ffi=` has to name it. */
export const libcPath: string = await installedLibrary();

async function installedLibrary(): Promise<string> {
  for (const path of abi.libc) {
    try {
      await Deno.stat(path);
      return path;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  throw new Error(`no C library at any of ${abi.libc.join(", ")}`);
}

/** A temporary directory; `await using` removes it. */
export class Scratch implements AsyncDisposable {
  private constructor(readonly path: string) {}

  /** Makes one. */
  static async make(): Promise<Scratch> {
    return new Scratch(await Deno.makeTempDir({ prefix: "multibinder-" }));
  }

  /** A path in it. */
  join(name: string): string {
    return `${this.path}/${name}`;
  }

  /** Writes a program, such as a shell script, into it, and returns its path. */
  async program(name: string, text: string): Promise<string> {
    const path = this.join(name);
    await Deno.writeTextFile(path, text);
    await Deno.chmod(path, 0o755);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
