import { formatDuration } from "../../duration.ts";
import { messageOf } from "../errors.ts";
import type { Report } from "../report.ts";
import { untilQuiet } from "./quiet_queue.ts";
import type { Worker } from "./worker.ts";

/** A worker whose sockets get no new connections, until it has ended. */
export class Leaving {
  readonly #worker: Worker;
  #isStarted: boolean;
  readonly #end = new AbortController();
  #isAskedToEnd = false;

  /** `isStarted`: one that is not is started when a connection waits for it. */
  constructor(readonly index: number, worker: Worker, isStarted: boolean) {
    this.#worker = worker;
    this.#isStarted = isStarted;
  }

  /** Whether it still waits for connections in its queue. */
  get isWaiting(): boolean {
    return !this.#isAskedToEnd && !this.#end.signal.aborted;
  }

  /**
   * Waits until it has accepted the connections in its queue, and ends it.
   * Returns false if it was taken back, or stopped, before that.
   *
   * @param limit how long the connections may take, in ms
   */
  async untilGone(
    waiting: () => number,
    limit: number,
    report: Report,
  ): Promise<boolean> {
    const { signal } = this.#end;
    const isQuiet = await untilQuiet(
      waiting,
      () => this.#start(report),
      limit,
      signal,
    );
    if (signal.aborted) return false;
    // The limit may also be shorter than an empty queue takes to count as quiet.
    const left = isQuiet ? 0 : waiting();
    if (left > 0) {
      report(
        `${left} connections are still in its queue after ${
          formatDuration(limit)
        } (--drain-timeout)`,
      );
    }
    this.#isAskedToEnd = true;
    this.#worker.drain();
    await this.#worker.gone;
    return true;
  }

  #start(report: Report): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#worker.start().catch((error) => report(messageOf(error)));
  }

  /** Does not wait any more, and leaves the worker as it is. */
  cancel(): void {
    this.#end.abort();
  }

  /** Cancels: the worker if it serves. One that does not serve is ended. */
  takeBack(): Worker | undefined {
    this.cancel();
    if (this.#worker.isServing) return this.#worker;
    this.#worker.drain();
    return undefined;
  }
}
