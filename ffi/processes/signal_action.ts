/**
 * What a process does at a signal: sigaction(2).
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { check } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";

/** Has the process act on a signal in another way: the way before. */
export function setAction(
  signal: number,
  action: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const before = new Uint8Array(abi.layouts.sigaction.size);
  check(libc().sigaction(signal, action, before), "sigaction");
  return before;
}
