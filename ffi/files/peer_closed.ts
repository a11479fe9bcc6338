/**
 * Detects that the reader of a descriptor is gone.
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { libc } from "../libc/libc.ts";
import { NativeMemory, viewOf } from "../libc/memory.ts";

const layout = abi.layouts.pollfd;

/**
 * Whether the other end of a pipe or a terminal is closed, by poll(2) without
 * writing; false for a file.
 */
export function isPeerClosed(fd: number): boolean {
  const bytes = new Uint8Array(layout.size);
  const view = viewOf(bytes);
  view.setInt32(layout.fd, fd, true);
  using memory = NativeMemory.of(bytes);
  // An interrupted poll has no result; the caller polls again later.
  if (libc().poll(memory.address, 1n, 0) < 1) return false;
  memory.read(bytes);
  const gone = abi.POLLERR | abi.POLLHUP | abi.POLLNVAL;
  return (view.getInt16(layout.revents, true) & gone) !== 0;
}
