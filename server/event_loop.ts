import { Poller } from "../ffi/poller.ts";

/**
 * How long the loop asks without waiting after the last event, in ms. A client
 * that sends one request after the other is answered within that, and the
 * hop to the waiting thread and back (some 50 us) is saved.
 */
const SPIN = 0.1;

/** How long the loop runs before promises and timers get a turn, in ms. */
const STRETCH = 5;

/** What is done with the events of a turn. */
export interface Turn {
  /** A descriptor is ready, for these events of epoll(7). */
  ready(fd: number, events: number): void;
  /** All of them, as many as are taken at once, have had their turn. */
  end(): void;
}

/** Turns, as long as there is anything to serve. */
export class EventLoop implements Disposable {
  /** What is waited for. */
  readonly poller: Poller = new Poller();
  #stopped = false;

  /** Takes turns until {@linkcode EventLoop.stop}. */
  async run(turn: Turn): Promise<void> {
    const ready = (fd: number, events: number) => turn.ready(fd, events);
    let now = performance.now();
    let lastEvent = now;
    let resumed = now;
    while (!this.#stopped) {
      const count = this.poller.poll(ready);
      turn.end();
      now = performance.now();
      if (count > 0) lastEvent = now;
      const spinning = now - lastEvent < SPIN;
      if (spinning && now - resumed < STRETCH) continue;
      await this.poller.wait(spinning ? 0 : -1);
      resumed = now = performance.now();
    }
  }

  /** Ends {@linkcode EventLoop.run} after the turn that it is in. */
  stop(): void {
    this.#stopped = true;
    this.poller.wake();
  }

  /** Closes what it waits with, when it has ended. */
  [Symbol.dispose](): void {
    this.poller[Symbol.dispose]();
  }
}
