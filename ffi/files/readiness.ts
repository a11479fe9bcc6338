/**
 * Waiting for single descriptors: blocking with poll(2), or on the event loop
 * with one epoll set and one thread for all who wait.
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { Errno, lastErrno, OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { NativeMemory, viewOf } from "../libc/memory.ts";
import { Interest, Poller } from "./poller.ts";

const layout = abi.layouts.pollfd;

/** What to wait for. */
export type Readiness = "read" | "write";

/** The longest wait of poll(2) and of a timer, some 24 days, in ms. */
const LONGEST = 0x7fffffff;

/** Whole milliseconds that fit into a C int, rounded up. */
function milliseconds(timeout: number): number {
  return Math.min(Math.ceil(timeout), LONGEST);
}

/**
 * Blocks the thread until the descriptor is ready or `timeout` ms are over:
 * whether it is. An error on the descriptor counts as ready; the next call on
 * it tells which.
 */
export function waitReadySync(
  fd: number,
  readiness: Readiness,
  timeout: number,
): boolean {
  const bytes = new Uint8Array(layout.size);
  const view = viewOf(bytes);
  view.setInt32(layout.fd, fd, true);
  const events = readiness === "read" ? abi.POLLIN : abi.POLLOUT;
  view.setInt16(layout.events, events, true);
  using memory = NativeMemory.of(bytes);
  const end = performance.now() + timeout;
  for (let left = timeout;; left = Math.max(end - performance.now(), 0)) {
    const result = libc().poll(memory.address, 1n, milliseconds(left));
    if (result !== -1) return result > 0;
    const errno = lastErrno();
    if (errno !== Errno.EINTR) throw new OsError("poll", errno);
  }
}

/** Blocks the thread for `duration` ms. */
export function sleepSync(duration: number): void {
  libc().poll(0n, 0n, milliseconds(duration));
}

/**
 * All who wait on the event loop. A thread for each would take those that
 * Deno's own file system calls and lookups run on: there are 32.
 */
class Waiters {
  readonly #poller = new Poller();
  readonly #settle = new Map<number, (ready: boolean) => void>();

  wait(
    fd: number,
    readiness: Readiness,
    timeout: number,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const interest = readiness === "read" ? Interest.READ : Interest.WRITE;
    this.#poller.add(fd, interest);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const giveUp = () => settle(false);
    const timer = setTimeout(giveUp, milliseconds(timeout));
    signal?.addEventListener("abort", giveUp, { once: true });
    const settle = (ready: boolean) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
      this.#settle.delete(fd);
      this.#poller.remove(fd);
      if (this.#settle.size === 0) this.#poller.wake();
      resolve(ready);
    };
    this.#settle.set(fd, settle);
    return promise;
  }

  /** Takes in events until nobody waits any more. */
  async run(): Promise<void> {
    while (this.#settle.size > 0) {
      await this.#poller.wait(-1);
      this.#poller.poll((fd) => this.#settle.get(fd)?.(true));
    }
    waiters = undefined;
    this.#poller[Symbol.dispose]();
  }
}

let waiters: Waiters | undefined;

/**
 * Waits for the descriptor without blocking: whether it was ready before
 * `timeout` ms were over and before the signal was aborted.
 */
export function waitReady(
  fd: number,
  readiness: Readiness,
  timeout: number,
  signal?: AbortSignal,
): Promise<boolean> {
  if (waiters !== undefined) {
    return waiters.wait(fd, readiness, timeout, signal);
  }
  const started = new Waiters();
  const ready = started.wait(fd, readiness, timeout, signal);
  waiters = started;
  started.run();
  return ready;
}
