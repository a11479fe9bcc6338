/**
 * poll(2) on a single descriptor, blocking or on another thread.
 *
 * @module
 */
import { abi } from "./abi.ts";
import { Errno, lastErrno, OsError } from "./errno.ts";
import { libc } from "./libc.ts";
import { NativeMemory, viewOf } from "./memory.ts";

const layout = abi.layouts.pollfd;

/** What to wait for. */
export type Readiness = "read" | "write";

function pollfd(fd: number, readiness: Readiness): NativeMemory {
  const bytes = new Uint8Array(layout.size);
  const view = viewOf(bytes);
  view.setInt32(layout.fd, fd, true);
  const events = readiness === "read" ? abi.POLLIN : abi.POLLOUT;
  view.setInt16(layout.events, events, true);
  return NativeMemory.of(bytes);
}

/**
 * Blocks the thread until the descriptor is ready, or for `timeout` ms
 * (rounded up, -1 for ever): whether it is. An error on the descriptor counts
 * as ready; the next call on it tells which.
 */
export function waitReadySync(
  fd: number,
  readiness: Readiness,
  timeout: number,
): boolean {
  using memory = pollfd(fd, readiness);
  const result = libc().poll(memory.address, 1n, Math.ceil(timeout));
  if (result !== -1) return result > 0;
  const errno = lastErrno();
  if (errno === Errno.EINTR) return false;
  throw new OsError("poll", errno);
}

/**
 * The same on another thread. A wait that has to end early is ended by
 * shutdown(2) of the socket.
 */
export async function waitReady(
  fd: number,
  readiness: Readiness,
  timeout: number,
): Promise<boolean> {
  using memory = pollfd(fd, readiness);
  return await libc().poll_on_thread(
    memory.address,
    1n,
    Math.ceil(timeout),
  ) > 0;
}

/** Blocks the thread for `duration` ms. */
export function sleepSync(duration: number): void {
  libc().poll(0n, 0n, Math.ceil(duration));
}
