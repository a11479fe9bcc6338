/**
 * What the client does is written once, as a generator that yields wherever
 * it has to wait; two drivers run it, one on the event loop and one that
 * blocks.
 *
 * @module
 */
import {
  type Readiness,
  sleepSync,
  waitReady,
  waitReadySync,
} from "../../ffi/files/readiness.ts";
import { TimeoutError } from "./errors.ts";

/**
 * A reason to wait: a socket that is not ready, a time to let pass, or, on the
 * event loop only, the turn of somebody else.
 */
export type Wait =
  & (
    | { fd: number; readiness: Readiness }
    | { pause: number }
    | { turn: Promise<void> }
  )
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
  signal?.throwIfAborted();
  const deadline = new Deadline(limits.timeout);
  let step = work.next();
  while (!step.done) {
    let failure: { reason: unknown } | undefined;
    try {
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
  if ("fd" in wait) await waitReady(wait.fd, wait.readiness, left, signal);
  else if ("turn" in wait) await pause(left, signal, wait.turn);
  else await pause(Math.min(wait.pause, left), signal);
}

/** The longest that a timer takes, in ms. */
const LONGEST_TIMER = 0x7fffffff;

/** Lets `duration` ms pass, or less when the signal or `other` ends it. */
function pause(
  duration: number,
  signal: AbortSignal | undefined,
  other?: Promise<void>,
): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, Math.min(duration, LONGEST_TIMER));
    signal?.addEventListener("abort", end, { once: true });
    other?.then(end);
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
  if ("fd" in wait) waitReadySync(wait.fd, wait.readiness, left);
  else if ("pause" in wait) sleepSync(Math.min(wait.pause, left));
  else throw new TypeError("nobody else takes a turn while this one blocks");
}
