/**
 * Client operations are generators that yield wherever they have to wait.
 * `run` drives them on the event loop, `runSync` blocks the thread.
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
 * A reason to wait: a socket that is not ready, a pause in ms, or an earlier
 * call of the session (only on the event loop).
 */
export type Wait =
  & (
    | { fd: number; readiness: Readiness }
    | { pause: number }
    | { until: Promise<void> }
  )
  & {
    /** What has not happened yet, for the message of the TimeoutError. */
    missing: string;
  };

/** An operation that waits and returns `T`. */
export type Steps<T> = Generator<Wait, T, void>;

/** How long an operation may take, and the signal that aborts it. */
export interface Limits {
  /** In ms. */
  timeout: number;
  /** The operation throws its reason when it aborts. */
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

/** Runs an operation on the event loop. */
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
  else if ("until" in wait) await pause(left, signal, wait.until);
  else await pause(Math.min(wait.pause, left), signal);
}

/** The longest delay of setTimeout, in ms. */
const LONGEST_TIMER = 0x7fffffff;

/** Waits `duration` ms, or until the signal aborts or `other` resolves. */
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

/** Runs an operation and blocks the thread. */
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
  else throw new TypeError("a blocking call cannot wait for another call");
}
