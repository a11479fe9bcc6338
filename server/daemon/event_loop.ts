import { Poller } from "../../ffi/files/poller.ts";

/**
 * How long the loop polls before it sleeps, in ms. To sleep is to wait on
 * another thread. Without this a client alone waits 73 us for a bind instead of
 * 41 us, and gets 13,200 binds a second instead of 20,800 (bench/binds.ts,
 * median of 9 rounds); among 32 clients there is no difference.
 */
const SPIN = 0.1;

/** How long the loop polls at most, so that promises and timers run, in ms. */
const STRETCH = 5;

/** Called with the epoll(7) events of a descriptor that is ready. */
export type Callback = (events: number) => void;

/** Waits for descriptors and calls back those that are ready. */
export class EventLoop implements Disposable {
  readonly #poller = new Poller();
  readonly #callbacks = new Map<number, Callback>();
  #stopped = false;

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

  /** Stops watching a descriptor that is closed next: epoll(7) drops it. */
  forget(fd: number): void {
    this.#callbacks.delete(fd);
  }

  /**
   * Runs until {@linkcode EventLoop.stop}. Each turn calls back every
   * descriptor that is ready, then `endOfTurn`.
   */
  async run(endOfTurn: () => void): Promise<void> {
    while (!this.#stopped) {
      this.#pollWhileBusy(endOfTurn);
      if (!this.#stopped) await this.#poller.wait(-1);
    }
  }

  #pollWhileBusy(endOfTurn: () => void): void {
    const began = performance.now();
    let now = began;
    let lastEvent = began;
    while (!this.#stopped && now - lastEvent < SPIN && now - began < STRETCH) {
      const count = this.#poller.poll((fd, events) =>
        this.#callbacks.get(fd)?.(events)
      );
      endOfTurn();
      now = performance.now();
      if (count > 0) lastEvent = now;
    }
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
