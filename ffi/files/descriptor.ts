/**
 * Owned descriptors: each open one has one owner, who closes it once.
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

  /** Takes over `fd`: nobody else may close it from here on. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /** The number; throws a TypeError once closed or released. */
  get fd(): number {
    if (this.#fd === -1) throw new TypeError("the descriptor is closed");
    return this.#fd;
  }

  /** Whether it was closed or released. */
  get closed(): boolean {
    return this.#fd === -1;
  }

  /** Gives the number away, which is the caller's to close now. */
  release(): number {
    const fd = this.fd;
    this.#fd = -1;
    return fd;
  }

  /**
   * Closes it; a second call does nothing. A failure is no reason to try
   * again: close(2) has let the number go even when it reports EINTR or EIO.
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

/** Closes every one. */
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
 * Sets or clears O_NONBLOCK. The flag belongs to the open file description:
 * every holder of the socket, in every process, sees the change.
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
 * A descriptor that is there to be closed when no other is left (an
 * eventfd(2)); `undefined` when none is left already.
 */
export function spareDescriptor(): Descriptor | undefined {
  const fd = libc().eventfd(0, abi.EFD_CLOEXEC);
  return fd === -1 ? undefined : new Descriptor(fd);
}

/** Whether `count` more descriptors can be opened now. */
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
    for (const descriptor of opened) descriptor.close();
  }
}

/** Another descriptor of the same open file description, close-on-exec. */
export function duplicate(fd: number): Descriptor {
  return new Descriptor(
    check(libc().fcntl(fd, abi.F_DUPFD_CLOEXEC, 0), "fcntl"),
  );
}
