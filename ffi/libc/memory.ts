/**
 * Native memory from malloc(3), which never moves, so a struct can point to it.
 * A scoped permission refuses pointer objects, so an address is a bigint, and
 * memcpy(3) copies bytes between it and a Uint8Array.
 *
 * @module
 */
import { Errno, OsError } from "./errno.ts";
import { libc } from "./libc.ts";

/** A block from malloc(3), freed exactly once. */
export class NativeMemory implements Disposable {
  /** Where the block begins. */
  readonly address: bigint;
  /** Its length in bytes. */
  readonly size: number;
  #freed = false;

  /**
   * Allocates `size` bytes; their content is undefined.
   *
   * @throws {OsError} ENOMEM.
   */
  constructor(size: number) {
    this.address = libc().malloc(BigInt(size));
    if (this.address === 0n) {
      throw new OsError("malloc", Errno.ENOMEM, `${size} bytes`);
    }
    this.size = size;
  }

  /** Allocates exactly the given bytes. */
  static of(bytes: Uint8Array<ArrayBuffer>): NativeMemory {
    const memory = new NativeMemory(Math.max(bytes.length, 1));
    memory.write(bytes);
    return memory;
  }

  /** Copies `bytes` to the beginning of the block. */
  write(bytes: Uint8Array<ArrayBuffer>, length: number = bytes.length): void {
    if (length > this.size || length > bytes.length) {
      throw new RangeError(
        `${length} of ${bytes.length} bytes into a block of ${this.size}`,
      );
    }
    if (length > 0) libc().memcpy_in(this.address, bytes, BigInt(length));
  }

  /** Fills `bytes` from the block, beginning at `offset`. */
  read(
    bytes: Uint8Array<ArrayBuffer>,
    offset = 0,
    length: number = bytes.length,
  ): void {
    if (
      offset < 0 || offset + length > this.size || length > bytes.length
    ) {
      throw new RangeError(`${length} bytes at ${offset} of ${this.size}`);
    }
    if (length > 0) {
      libc().memcpy_out(bytes, this.address + BigInt(offset), BigInt(length));
    }
  }

  /** Frees the block; a second call does nothing. */
  [Symbol.dispose](): void {
    if (this.#freed) return;
    this.#freed = true;
    libc().free(this.address);
  }
}

/** Copies `length` bytes from a native address. */
export function bytesAt(
  address: bigint,
  length: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  if (length > 0) libc().memcpy_out(bytes, address, BigInt(length));
  return bytes;
}

/** A view for reading and writing the fields of a struct in `bytes`. */
export function viewOf(bytes: Uint8Array<ArrayBuffer>): DataView<ArrayBuffer> {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
