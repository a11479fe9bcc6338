/**
 * Provides the C library of aarch64 at its usual path. It comes with the cross
 * compiler, in /usr/aarch64-linux-gnu; an overlay in a new mount namespace
 * shows it to the tests, so no packages of a foreign architecture are needed.
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

/** The command prefix for a program that needs the library. */
export class CLibrary implements AsyncDisposable {
  private constructor(
    readonly launcher: readonly string[],
    private readonly layer: string | undefined,
  ) {}

  /** Prepares it. @throws where neither that library nor the compiler's is. */
  static async prepare(): Promise<CLibrary> {
    if (await exists(LIBRARY)) return new CLibrary([], undefined);
    if (!await exists(`${CROSS_LIBRARIES}/libc.so.6`)) {
      throw new Error(
        `no C library of aarch64 is installed (libc6-dev-arm64-cross)`,
      );
    }
    const layer = await Deno.makeTempDir({ prefix: "multibinder-aarch64-" });
    // Other users that tests switch to also read it.
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
