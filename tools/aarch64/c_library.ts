/**
 * The C library of aarch64 where every program looks for it. It comes with the
 * cross compiler, in /usr/aarch64-linux-gnu; the tests see it in its usual
 * place by an overlay in a mount namespace of their own, and the machine needs
 * no packages of a foreign architecture.
 * @module
 */

import { exists } from "../exists.ts";

const LIBRARY = "/lib/aarch64-linux-gnu/libc.so.6";
const CROSS_LIBRARIES = "/usr/aarch64-linux-gnu/lib";
const LOADER = "ld-linux-aarch64.so.1";

/** $1 the layer; the rest is the command. */
const OVERLAID = `
  layer=$1; shift
  mount -t overlay -o "ro,lowerdir=$layer:/usr/lib" overlay /usr/lib && exec "$@"
`;

/** What to start a program with so that it finds the library. */
export class CLibrary implements AsyncDisposable {
  private constructor(
    readonly launcher: readonly string[],
    private readonly layer: string | undefined,
  ) {}

  /** Prepares it. @throws where neither that library nor the compiler's is. */
  static async inSight(): Promise<CLibrary> {
    if (await exists(LIBRARY)) return new CLibrary([], undefined);
    if (!await exists(`${CROSS_LIBRARIES}/libc.so.6`)) {
      throw new Error(
        `no C library of aarch64 is installed (libc6-dev-arm64-cross)`,
      );
    }
    const layer = await Deno.makeTempDir({ prefix: "multibinder-aarch64-" });
    // Users that tests turn into look through it, too.
    await Deno.chmod(layer, 0o755);
    await Deno.symlink(CROSS_LIBRARIES, `${layer}/aarch64-linux-gnu`);
    await Deno.symlink(`${CROSS_LIBRARIES}/${LOADER}`, `${layer}/${LOADER}`);
    return new CLibrary(
      ["unshare", "--mount", "sh", "-c", OVERLAID, "sh", layer],
      layer,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.layer === undefined) return;
    await Deno.remove(this.layer, { recursive: true });
  }
}
