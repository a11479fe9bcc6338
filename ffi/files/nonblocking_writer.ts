/**
 * Writes to a stream that other processes share, such as standard error, without
 * waiting for its reader. O_NONBLOCK cannot be set for that: the flag belongs to the
 * open file description (open(2)), which those processes share too.
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { cString } from "../libc/c_string.ts";
import { OsError, withoutWaiting } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { Descriptor } from "./descriptor.ts";
import { statusOfDescriptor } from "./file.ts";
import { waitReadySync } from "./readiness.ts";

type Kind = "socket" | "stream" | "file";

/** Writes to a descriptor, which stays open. */
export class NonblockingWriter {
  readonly #shared: number;
  readonly #kind: Kind;
  /** The same pipe or terminal, opened again with O_NONBLOCK. */
  readonly #own: Descriptor | undefined;

  /** Writes to the descriptor `fd`. */
  constructor(fd: number) {
    this.#shared = fd;
    this.#kind = kindOf(fd);
    this.#own = this.#kind === "stream" ? reopen(fd) : undefined;
  }

  /** The descriptor that becomes writable when {@linkcode write} can go on. */
  get fd(): number {
    return this.#own?.fd ?? this.#shared;
  }

  /**
   * Writes the beginning of `bytes`. Up to PIPE_BUF bytes stay in one piece in a
   * pipe (pipe(7)).
   *
   * @returns the number of bytes; -1 if the call would wait for the reader
   * @throws {OsError} EPIPE, EIO, ENOSPC, ...
   */
  write(bytes: Uint8Array<ArrayBuffer>): number {
    if (!this.#isReady()) return -1;
    return withoutWaiting("write", () => this.#write(bytes));
  }

  /** A stream that could not be opened again: a ready pipe takes PIPE_BUF bytes. */
  #isReady(): boolean {
    return this.#kind !== "stream" || this.#own !== undefined ||
      waitReadySync(this.#shared, "write", 0);
  }

  #write(bytes: Uint8Array<ArrayBuffer>): bigint {
    if (this.#kind === "socket") {
      const flags = abi.MSG_DONTWAIT | abi.MSG_NOSIGNAL;
      const length = BigInt(bytes.length);
      return libc().send(this.#shared, bytes, length, flags);
    }
    const some = bytes.subarray(0, abi.PIPE_BUF);
    return libc().write(this.fd, some, BigInt(some.length));
  }
}

function kindOf(fd: number): Kind {
  try {
    const { mode, isSocket } = statusOfDescriptor(fd);
    if (isSocket) return "socket";
    const type = mode & abi.S_IFMT;
    return type === abi.S_IFIFO || type === abi.S_IFCHR ? "stream" : "file";
  } catch (error) {
    // A closed descriptor: each write fails.
    if (!(error instanceof OsError)) throw error;
    return "file";
  }
}

/**
 * Fails for a pipe or terminal of another user, for a named pipe without a reader
 * and without /proc.
 */
function reopen(fd: number): Descriptor | undefined {
  const { O_WRONLY, O_NONBLOCK, O_CLOEXEC, O_NOCTTY } = abi;
  const opened = libc().open(
    cString(`/proc/self/fd/${fd}`),
    O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
    0,
  );
  return opened === -1 ? undefined : new Descriptor(opened);
}
