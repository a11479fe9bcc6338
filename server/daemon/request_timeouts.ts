import type { Connection } from "./connection.ts";

/** Timeouts of clients that have sent part of a request. */
export class RequestTimeouts implements Disposable {
  /** When each client began its request, in ms, oldest first. */
  readonly #since = new Map<Connection, number>();
  readonly #timeout: number;
  readonly #onTimeout: (connection: Connection) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Calls `onTimeout` for each client that does not complete a request in
   * `timeout` ms.
   */
  constructor(timeout: number, onTimeout: (connection: Connection) => void) {
    this.#timeout = timeout;
    this.#onTimeout = onTimeout;
  }

  /** Starts the timeout of a client that has sent part of a request. */
  update(connection: Connection): void {
    const { unanswered, waitsFor, heldBy, ended, framing } = connection;
    const isIncomplete = unanswered === undefined && waitsFor === undefined &&
      heldBy === undefined &&
      !ended && !framing.isEmpty;
    if (!isIncomplete) this.#since.delete(connection);
    else if (!this.#since.has(connection) && this.#timeout !== Infinity) {
      this.#since.set(connection, performance.now());
      this.#timer ??= setTimeout(() => this.#expire(), this.#timeout);
    }
  }

  /** Stops the timeout: the request is complete or the client is gone. */
  stop(connection: Connection): void {
    this.#since.delete(connection);
  }

  #expire(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const [connection, since] of this.#since) {
      const left = since + this.#timeout - now;
      if (left > 0) {
        this.#timer = setTimeout(() => this.#expire(), left);
        return;
      }
      this.#since.delete(connection);
      this.#onTimeout(connection);
    }
  }

  /** Stops every timeout. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#since.clear();
  }
}
