/**
 * Pipes (pipe(7)), and how to read and write them without blocking.
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { Descriptor, setNonblocking } from "./descriptor.ts";
import { check, Errno, lastErrno, OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { waitReady } from "./readiness.ts";

/** The two ends of a pipe. */
export interface Pipe {
  readonly reader: Descriptor;
  readonly writer: Descriptor;
}

/** Creates a pipe, close-on-exec and blocking (pipe2(2)). */
export function createPipe(): Pipe {
  const ends = new Int32Array(2);
  const bytes = new Uint8Array(ends.buffer);
  check(libc().pipe2(bytes, abi.O_CLOEXEC), "pipe2");
  return {
    reader: new Descriptor(ends[0]!),
    writer: new Descriptor(ends[1]!),
  };
}

/**
 * The reading end of a pipe that holds `bytes`, and has no other end.
 *
 * @throws {OsError} EPERM if a pipe may not hold that much: 1 MiB by default
 * (/proc/sys/fs/pipe-max-size).
 */
export function filledPipe(bytes: Uint8Array<ArrayBuffer>): Descriptor {
  const { reader, writer } = createPipe();
  using _writer = writer;
  try {
    const { F_SETPIPE_SZ, PIPE_BUF } = abi;
    const size = Math.max(bytes.length, PIPE_BUF);
    const subject = `pipe of ${size} bytes`;
    check(libc().fcntl(writer.fd, F_SETPIPE_SZ, size), "fcntl", subject);
    setNonblocking(writer.fd, true);
    const count = libc().write(writer.fd, bytes, BigInt(bytes.length));
    if (check(count, "write", subject) < bytes.length) {
      throw new OsError("write", Errno.EAGAIN, subject);
    }
    return reader;
  } catch (error) {
    reader.close();
    throw error;
  }
}

/**
 * Writes all of `bytes`, then closes the descriptor. Stops when no reader is
 * left, or when the signal is aborted.
 *
 * @throws {OsError} for other errors of write(2).
 */
export async function writeToPipe(
  writer: Descriptor,
  bytes: Uint8Array<ArrayBuffer>,
  signal: AbortSignal,
): Promise<void> {
  using _writer = writer;
  setNonblocking(writer.fd, true);
  let rest = bytes;
  while (rest.length > 0 && !signal.aborted) {
    const count = Number(libc().write(writer.fd, rest, BigInt(rest.length)));
    if (count >= 0) {
      rest = rest.subarray(count);
      continue;
    }
    const errno = lastErrno();
    if (errno === Errno.EPIPE) return;
    if (errno === Errno.EAGAIN) {
      await waitReady(writer.fd, "write", Infinity, signal);
    } else if (errno !== Errno.EINTR) throw new OsError("write", errno, "pipe");
  }
}

/** What a pipe can hold by default (pipe(7)), in bytes. */
const CAPACITY = 64 * 1024;

/**
 * Reads a pipe to its end, or once more after the signal is aborted, then
 * closes the descriptor. Returns at most the last `keep` bytes.
 *
 * @throws {OsError} for errors of read(2).
 */
export async function readTail(
  reader: Descriptor,
  keep: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  using _reader = reader;
  setNonblocking(reader.fd, true);
  const chunk = new Uint8Array(CAPACITY);
  let tail = new Uint8Array(0);
  while (true) {
    const isLast = signal.aborted ||
      !await waitReady(reader.fd, "read", Infinity, signal);
    const count = Number(libc().read(reader.fd, chunk, BigInt(CAPACITY)));
    if (count === -1) {
      const errno = lastErrno();
      if (errno !== Errno.EAGAIN && errno !== Errno.EINTR) {
        throw new OsError("read", errno, "pipe");
      }
    } else {
      tail = lastBytes(tail, chunk.subarray(0, count), keep);
    }
    if (isLast || count === 0) return tail;
  }
}

function lastBytes(
  tail: Uint8Array<ArrayBuffer>,
  more: Uint8Array<ArrayBuffer>,
  keep: number,
): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(tail.length + more.length);
  all.set(tail);
  all.set(more, tail.length);
  return all.slice(-keep);
}
