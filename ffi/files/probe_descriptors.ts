import { abi } from "../libc/abi.ts";
import { lastErrno, OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { NativeMemory, viewOf } from "../libc/memory.ts";

const layout = abi.layouts.pollfd;

/** Descriptors per call of poll(2). */
const BATCH = 4096;

/**
 * The open descriptors below `limit`, found without /proc: poll(2) reports
 * POLLNVAL for a number that is not open.
 */
export function probeDescriptors(limit: number): number[] {
  const found: number[] = [];
  for (let first = 0; first < limit; first += BATCH) {
    found.push(...openAmong(first, Math.min(BATCH, limit - first)));
  }
  return found;
}

function openAmong(first: number, count: number): number[] {
  const bytes = new Uint8Array(count * layout.size);
  const view = viewOf(bytes);
  for (let index = 0; index < count; index++) {
    view.setInt32(index * layout.size + layout.fd, first + index, true);
  }
  using memory = NativeMemory.of(bytes);
  if (libc().poll(memory.address, BigInt(count), 0) === -1) {
    throw new OsError("poll", lastErrno());
  }
  memory.read(bytes);
  const numbers = Array.from({ length: count }, (_, index) => index);
  return numbers.filter((index) => {
    const revents = view.getInt16(index * layout.size + layout.revents, true);
    return (revents & abi.POLLNVAL) === 0;
  }).map((index) => first + index);
}
