/**
 * Sets how a process handles a signal: sigaction(2).
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { check } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";

/** Sets the action of a signal and returns the previous one. */
export function setAction(
  signal: number,
  action: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const before = new Uint8Array(abi.layouts.sigaction.size);
  check(libc().sigaction(signal, action, before), "sigaction");
  return before;
}
