/**
 * Waits for a descriptor: blocking with poll(2), or on the event loop with one
 * epoll set and one thread for all waits.
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { Errno, lastErrno, OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { NativeMemory, viewOf } from "../libc/memory.ts";
import { Interest, Poller } from "./poller.ts";

const layout = abi.layouts.pollfd;

/** The readiness to wait for. */
export type Readiness = "read" | "write";

/** The longest wait of poll(2) and of a timer, in ms (24 days). */
const LONGEST = 0x7fffffff;

/** Whole milliseconds that fit into a C int, rounded up. */
function milliseconds(timeout: number): number {
  return Math.min(Math.ceil(timeout), LONGEST);
}

/**
 * Blocks the thread until the descriptor is ready or `timeout` ms are over;
 * returns whether it is ready. A descriptor with an error is ready: the next
 * call on it reports the error.
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
 * All waits on the event loop, on one thread. A thread for each wait would use
 * up Deno's 32 threads for blocking calls.
 */
class Waiters implements Disposable {
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
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const giveUp = () => settle(false);
    const timer = setTimeout(giveUp, milliseconds(timeout));
    signal?.addEventListener("abort", giveUp, { once: true });
    const settle = (ready: boolean) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
      this.#settle.delete(fd);
      if (this.#settle.size === 0) this.#poller.wake();
      try {
        this.#poller.remove(fd);
        resolve(ready);
      } catch (error) {
        reject(error);
      }
    };
    this.#settle.set(fd, settle);
    return promise;
  }

  /** Handles events until no wait is left. */
  async run(): Promise<void> {
    while (this.#settle.size > 0) {
      await this.#poller.wait(-1, () => {});
      // A wait may have ended since, and its descriptor may be another one now.
      this.#poller.poll(0, (fd) => this.#settle.get(fd)?.(true));
    }
    waiters = undefined;
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#poller[Symbol.dispose]();
  }
}

let waiters: Waiters | undefined;

/**
 * Waits for the descriptor without blocking. Resolves to false when `timeout`
 * ms are over or the signal is aborted first.
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
  let ready: Promise<boolean>;
  try {
    ready = started.wait(fd, readiness, timeout, signal);
  } catch (error) {
    started[Symbol.dispose]();
    throw error;
  }
  waiters = started;
  started.run();
  return ready;
}
