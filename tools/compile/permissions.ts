/**
 * The permissions of the compiled binary.
 * @module
 */

import { abiOf } from "../../ffi/libc/abi.ts";

/**
 * The flags for a target such as `x86_64-unknown-linux-gnu`.
 *
 * The C library is granted at every path where a distribution of that target
 * keeps it.
 *
 * @throws {UnsupportedPlatformError}
 */
export function permissionFlags(target: string): string[] {
  const [arch = "", , os = "", libc] = target.split("-");
  const { libc: paths } = abiOf(libc === "gnu" ? os : target, arch);
  return ["--no-prompt", `--allow-ffi=${paths.join(",")}`];
}
