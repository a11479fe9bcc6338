/**
 * Whether anybody still reads what is written to a descriptor.
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { libc } from "../libc/libc.ts";
import { NativeMemory, viewOf } from "../libc/memory.ts";

const layout = abi.layouts.pollfd;

/**
 * Whether the other end of a pipe or a terminal has been closed, told by
 * poll(2) without writing anything; false of a file.
 */
export function hasHungUp(fd: number): boolean {
  const bytes = new Uint8Array(layout.size);
  const view = viewOf(bytes);
  view.setInt32(layout.fd, fd, true);
  using memory = NativeMemory.of(bytes);
  // Interrupted it says nothing; the caller asks again.
  if (libc().poll(memory.address, 1n, 0) < 1) return false;
  memory.read(bytes);
  const gone = abi.POLLERR | abi.POLLHUP | abi.POLLNVAL;
  return (view.getInt16(layout.revents, true) & gone) !== 0;
}
