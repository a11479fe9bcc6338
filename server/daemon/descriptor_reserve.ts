/**
 * Descriptors that clients and binds leave free: Deno panics if it cannot open a
 * file, and an upgrade, a lookup of a name and `status` need some too.
 *
 * @module
 */
import { spareDescriptor } from "../../ffi/files/descriptor.ts";
import { Errno, lastErrno, OsError } from "../../ffi/libc/errno.ts";
import { descriptorLimit } from "../../ffi/processes/process.ts";

/**
 * Size of the reserve: what Deno needs to start (server/reexec/upgrade.ts), and
 * some more. With a limit below 128 it is a smaller part of the limit.
 */
const RESERVE = 40;
const LARGEST_PART = 5 / 16;

/** Descriptors that a daemon needs beside those that Deno has opened at its start. */
const LEAST = 32;

/**
 * Whether a new descriptor is one of the reserve. The kernel assigns the lowest
 * free number: if that is a high one, all lower ones are in use. The limit is read
 * each time, because it can change (prlimit(1)).
 */
export function isReserved(fd: number): boolean {
  const { soft } = descriptorLimit();
  return fd >= soft - Math.min(RESERVE, Math.floor(soft * LARGEST_PART));
}

/** The error of a call for which only the reserve is left. */
export function noneLeft(syscall: string): OsError {
  return new OsError(syscall, Errno.EMFILE);
}

/**
 * Throws if only the reserve is left for a new descriptor.
 *
 * @throws {OsError} EMFILE, as `syscall` would report without a reserve.
 */
export function refuseReserve(syscall: string): void {
  using spare = spareDescriptor();
  // If there is no spare one, the call itself reports why.
  if (spare !== undefined && isReserved(spare.fd)) throw noneLeft(syscall);
}

/** The limit of open descriptors is too small for a daemon. */
export class DescriptorLimitError extends Error {
  /** `DescriptorLimitError`. */
  override readonly name = "DescriptorLimitError";
}

/**
 * Checks the limit, once the daemon has opened what it needs itself.
 *
 * @throws {DescriptorLimitError} if too few descriptors are left.
 * @throws {OsError} if none can be opened.
 */
export function requireDescriptors(): void {
  using spare = spareDescriptor();
  if (spare === undefined) throw new OsError("eventfd", lastErrno());
  const { soft } = descriptorLimit();
  if (soft - spare.fd >= LEAST) return;
  throw new DescriptorLimitError(
    `the limit of ${soft} open descriptors is too small: raise it to 64 or more (ulimit -n, LimitNOFILE=)`,
  );
}

/**
 * Has Deno open now what it would open later, when no descriptor may be left: a
 * socket pair for its signals half a second after the start, and a file when it
 * first formats a stack.
 */
export function openEarly(): void {
  const ignore = () => {};
  Deno.addSignalListener("SIGWINCH", ignore);
  Deno.removeSignalListener("SIGWINCH", ignore);
  void new Error().stack;
}
