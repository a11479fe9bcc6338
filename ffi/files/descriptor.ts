/**
 * Owned descriptors: each open descriptor has one owner, which closes it once.
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { check } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";

/**
 * Owns a descriptor. `using` closes it; {@linkcode Descriptor.release} hands
 * the ownership on.
 */
export class Descriptor implements Disposable {
  #fd: number;

  /** Takes ownership of `fd`: no other code may close it. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /** The number; throws a TypeError after it is closed or released. */
  get fd(): number {
    if (this.#fd === -1) throw new TypeError("the descriptor is closed");
    return this.#fd;
  }

  /** Whether it was closed or released. */
  get closed(): boolean {
    return this.#fd === -1;
  }

  /** Gives up ownership: the caller closes the returned number. */
  release(): number {
    const fd = this.fd;
    this.#fd = -1;
    return fd;
  }

  /**
   * Closes the descriptor; a second call does nothing. Do not retry after an
   * error: close(2) releases the number even when it fails with EINTR or EIO.
   */
  close(): void {
    if (this.#fd === -1) return;
    const fd = this.#fd;
    this.#fd = -1;
    libc().close(fd);
  }

  /** Same as {@linkcode Descriptor.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** Closes all of the descriptors. */
export function closeAll(descriptors: readonly Descriptor[]): void {
  for (const descriptor of descriptors) descriptor.close();
}

/** Sets or clears FD_CLOEXEC (fcntl(2)): whether an exec closes the descriptor. */
export function setCloseOnExec(fd: number, on: boolean): void {
  check(libc().fcntl(fd, abi.F_SETFD, on ? abi.FD_CLOEXEC : 0), "fcntl");
}

/** Whether an exec closes the descriptor. */
export function isCloseOnExec(fd: number): boolean {
  return (check(libc().fcntl(fd, abi.F_GETFD, 0), "fcntl") & abi.FD_CLOEXEC) !==
    0;
}

/**
 * Sets or clears O_NONBLOCK. The flag belongs to the open file description: the
 * change affects every process that holds the socket.
 */
export function setNonblocking(fd: number, on: boolean): void {
  const flags = check(libc().fcntl(fd, abi.F_GETFL, 0), "fcntl");
  const wanted = on ? flags | abi.O_NONBLOCK : flags & ~abi.O_NONBLOCK;
  if (wanted !== flags) check(libc().fcntl(fd, abi.F_SETFL, wanted), "fcntl");
}

/** Whether O_NONBLOCK is set. */
export function isNonblocking(fd: number): boolean {
  return (check(libc().fcntl(fd, abi.F_GETFL, 0), "fcntl") & abi.O_NONBLOCK) !==
    0;
}

/**
 * A spare descriptor to close when the limit is reached (an eventfd(2));
 * `undefined` if the limit is already reached.
 */
export function spareDescriptor(): Descriptor | undefined {
  const fd = libc().eventfd(0, abi.EFD_CLOEXEC);
  return fd === -1 ? undefined : new Descriptor(fd);
}

/** Whether `count` more descriptors can be opened. */
export function canOpen(count: number): boolean {
  const opened: Descriptor[] = [];
  try {
    while (opened.length < count) {
      const spare = spareDescriptor();
      if (spare === undefined) return false;
      opened.push(spare);
    }
    return true;
  } finally {
    closeAll(opened);
  }
}

/** A duplicate of the descriptor, close-on-exec. */
export function duplicate(fd: number): Descriptor {
  return new Descriptor(
    check(libc().fcntl(fd, abi.F_DUPFD_CLOEXEC, 0), "fcntl"),
  );
}
