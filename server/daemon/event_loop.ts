import { Poller } from "../../ffi/files/poller.ts";

/** Called with the epoll(7) events of a ready descriptor. */
export type Callback = (events: number) => void;

/** Waits for descriptors and runs the callbacks of the ready ones. */
export class EventLoop implements Disposable {
  readonly #poller = new Poller();
  readonly #callbacks = new Map<number, Callback>();
  #stopped = false;
  #isWaiting = false;

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
   * the next turn begins even if no descriptor is ready, or -1. The loop waits on
   * another thread, so that promises and timers run.
   */
  async run(endOfTurn: () => number): Promise<void> {
    let timeout = 0;
    while (!this.#stopped) {
      this.#isWaiting = true;
      await this.#poller.wait(timeout);
      this.#isWaiting = false;
      this.#poller.poll((fd, events) => this.#callbacks.get(fd)?.(events));
      timeout = endOfTurn();
    }
  }

  /** Begins the next turn at once. Does nothing during a turn. */
  wake(): void {
    if (this.#isWaiting) this.#poller.wake();
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
