import { Poller } from "../../ffi/files/poller.ts";

/** Called with the epoll(7) events of a ready descriptor. */
export type Callback = (events: number) => void;

/** Reports that the loop turns. */
export interface Heartbeat {
  /** The longest time between two beats, in ms. */
  readonly interval: number;
  /** Called from the loop. */
  readonly beat: () => void;
}

/**
 * How long the loop waits in place for the next event after a turn that had one,
 * in ms. Requests often follow each other closely, and to wait on another thread
 * takes 50 us more. Promises and timers are delayed by that time.
 */
const IN_PLACE = 1;

/** How long the loop stays in place before promises and timers run, in ms. */
const LONGEST_IN_PLACE = 5;

/** Waits for descriptors and runs the callbacks of the ready ones. */
export class EventLoop implements Disposable {
  readonly #poller = new Poller();
  readonly #callbacks = new Map<number, Callback>();
  #stopped = false;
  /** Default: none. */
  heartbeat: Heartbeat | undefined;
  #nextBeat = 0;

  /** Calls `callback` whenever the descriptor is ready. */
  watch(fd: number, interest: number, callback: Callback): void {
    this.#poller.add(fd, interest);
    this.#callbacks.set(fd, callback);
  }

  /** Changes what a descriptor is watched for. */
  change(fd: number, interest: number): void {
    this.#poller.change(fd, interest);
  }

  /** Stops watching a descriptor that stays open. */
  unwatch(fd: number): void {
    this.#callbacks.delete(fd);
    this.#poller.remove(fd);
  }

  /** Stops watching a descriptor that the caller closes: epoll(7) removes it. */
  forget(fd: number): void {
    this.#callbacks.delete(fd);
  }

  /**
   * Runs until {@linkcode EventLoop.stop}. Each turn runs the callback of every
   * ready descriptor, then `endOfTurn`, which returns the time in ms after which
   * the next turn begins even if no descriptor is ready, or -1. Between turns that
   * do not follow each other closely the loop waits on another thread, so that
   * promises and timers run.
   */
  async run(endOfTurn: () => number): Promise<void> {
    const ready = (fd: number, events: number) =>
      this.#callbacks.get(fd)?.(events);
    let timeout = 0;
    while (!this.#stopped) {
      await this.#poller.wait(earlier(timeout, this.#beatIfDue()), ready);
      timeout = endOfTurn();
      const end = performance.now() + LONGEST_IN_PLACE;
      while (!this.#stopped && performance.now() < end) {
        // Lines of the log are written in a microtask.
        await undefined;
        const count = this.#poller.poll(earlier(timeout, IN_PLACE), ready);
        timeout = endOfTurn();
        if (count === 0) break;
      }
    }
  }

  /** Returns the time until the next beat in ms, -1 for no limit. */
  #beatIfDue(): number {
    if (this.heartbeat === undefined) return -1;
    const { interval, beat } = this.heartbeat;
    const now = performance.now();
    if (now >= this.#nextBeat) {
      beat();
      this.#nextBeat = now + interval;
    }
    return Math.ceil(this.#nextBeat - now);
  }

  /** Begins the next turn at once. Does nothing during a turn. */
  wake(): void {
    this.#poller.wake();
  }

  /** Ends {@linkcode EventLoop.run} after the current turn. */
  stop(): void {
    this.#stopped = true;
    this.#poller.wake();
  }

  /** Closes the epoll set, once {@linkcode EventLoop.run} has ended. */
  [Symbol.dispose](): void {
    this.#poller[Symbol.dispose]();
  }
}

/** The shorter of two times in ms; -1 is no limit. */
function earlier(one: number, other: number): number {
  if (one === -1) return other;
  return other === -1 ? one : Math.min(one, other);
}
