/**
 * What the binary may do, fixed when it is built.
 * @module
 */

import { abiOf } from "../../ffi/libc/abi.ts";

/**
 * The flags for a target such as `x86_64-unknown-linux-gnu`.
 *
 * The C library is granted at every path where a distribution of that target
 * keeps it. To start programs is granted whole: the daemon has to start the
 * next version of the binary to check it, at a path that nobody knows before
 * it is installed; and whoever may call the C library can start any program
 * anyway.
 *
 * @throws {UnsupportedPlatformError}
 */
export function permissionFlags(target: string): string[] {
  const [arch = "", , os = "", libc] = target.split("-");
  const { libc: paths } = abiOf(libc === "gnu" ? os : target, arch);
  return ["--no-prompt", `--allow-ffi=${paths.join(",")}`, "--allow-run"];
}
