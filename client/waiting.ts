/**
 * What the client does is written once, as a generator that yields wherever
 * it has to wait; two drivers run it, one on the event loop and one that
 * blocks.
 *
 * @module
 */
import { abi } from "../ffi/abi.ts";
import { libc } from "../ffi/libc.ts";
import {
  type Readiness,
  sleepSync,
  waitReady,
  waitReadySync,
} from "../ffi/readiness.ts";
import { TimeoutError } from "./errors.ts";

/** A reason to wait: a socket that is not ready, or a time to let pass. */
export type Wait =
  & ({ fd: number; readiness: Readiness } | { pause: number })
  & {
    /** What has not happened yet, for the error when it never does. */
    missing: string;
  };

/** Work that waits; returns `T`. */
export type Steps<T> = Generator<Wait, T, void>;

/** How long work may take, and what ends it before. */
export interface Limits {
  /** In ms. */
  timeout: number;
  /** Its reason is thrown when it aborts. */
  signal?: AbortSignal;
}

class Deadline {
  readonly #end: number;

  constructor(readonly timeout: number) {
    this.#end = performance.now() + timeout;
  }

  /** Milliseconds left; throws a TimeoutError at none. */
  left(missing: string): number {
    const left = this.#end - performance.now();
    if (left > 0) return left;
    throw new TimeoutError(`gave up after ${this.timeout} ms: ${missing}`);
  }
}

/** Runs work on the event loop. */
export async function run<T>(work: Steps<T>, limits: Limits): Promise<T> {
  const { signal } = limits;
  const deadline = new Deadline(limits.timeout);
  let step = work.next();
  while (!step.done) {
    let failure: { reason: unknown } | undefined;
    try {
      signal?.throwIfAborted();
      await perform(step.value, deadline.left(step.value.missing), signal);
      signal?.throwIfAborted();
    } catch (reason) {
      failure = { reason };
    }
    step = failure === undefined ? work.next() : work.throw(failure.reason);
  }
  return step.value;
}

async function perform(
  wait: Wait,
  left: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  if ("pause" in wait) {
    await pause(Math.min(wait.pause, left), signal);
    return;
  }
  // A poll(2) on another thread ends with the socket, and not before.
  const end = () => libc().shutdown(wait.fd, abi.SHUT_RDWR);
  signal?.addEventListener("abort", end, { once: true });
  try {
    await waitReady(wait.fd, wait.readiness, left);
  } finally {
    signal?.removeEventListener("abort", end);
  }
}

function pause(
  duration: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, duration);
    signal?.addEventListener("abort", end, { once: true });
  });
}

/** Runs work while it blocks the thread. */
export function runSync<T>(work: Steps<T>, { timeout }: Limits): T {
  const deadline = new Deadline(timeout);
  let step = work.next();
  while (!step.done) {
    let failure: { reason: unknown } | undefined;
    try {
      performSync(step.value, deadline.left(step.value.missing));
    } catch (reason) {
      failure = { reason };
    }
    step = failure === undefined ? work.next() : work.throw(failure.reason);
  }
  return step.value;
}

function performSync(wait: Wait, left: number): void {
  if ("pause" in wait) sleepSync(Math.min(wait.pause, left));
  else waitReadySync(wait.fd, wait.readiness, left);
}
