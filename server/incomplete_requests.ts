import type { Connection } from "./connection.ts";

/** Clients that have begun a request and owe the rest of it. */
export class IncompleteRequests implements Disposable {
  /** Since when, in ms: in the order in which they began. */
  readonly #since = new Map<Connection, number>();
  readonly #timeout: number;
  readonly #late: (connection: Connection) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `late` hears of each that takes longer than `timeout` ms. */
  constructor(timeout: number, late: (connection: Connection) => void) {
    this.#timeout = timeout;
    this.#late = late;
  }

  /** Looks whether a client owes something now. */
  note(connection: Connection): void {
    const owes = connection.inHand === undefined && !connection.ended &&
      connection.framing.pending.length > 0;
    if (!owes) this.#since.delete(connection);
    else if (!this.#since.has(connection) && this.#timeout !== Infinity) {
      this.#since.set(connection, performance.now());
      this.#timer ??= setTimeout(() => this.#sweep(), this.#timeout);
    }
  }

  /** A client that is gone owes nothing. */
  forget(connection: Connection): void {
    this.#since.delete(connection);
  }

  #sweep(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const [connection, since] of this.#since) {
      const left = since + this.#timeout - now;
      if (left > 0) {
        this.#timer = setTimeout(() => this.#sweep(), left);
        return;
      }
      this.#since.delete(connection);
      this.#late(connection);
    }
  }

  /** Nobody is waited for any more. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#since.clear();
  }
}
