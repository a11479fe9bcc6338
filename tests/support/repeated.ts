/**
 * Clients that do the same again and again, and are counted.
 *
 * @module
 */
import { eventually } from "./eventually.ts";

/** Running clients. `await using` stops them. */
export class Repeated implements AsyncDisposable {
  readonly #loops: Promise<void>[];
  #stopped = false;
  #failure: unknown;
  #count = 0;

  /** Starts `clients` clients; each performs `action` until it fails. */
  constructor(clients: number, action: () => Promise<void>) {
    this.#loops = Array.from({ length: clients }, () => this.#run(action));
  }

  async #run(action: () => Promise<void>): Promise<void> {
    try {
      while (!this.#stopped) {
        await action();
        this.#count++;
      }
    } catch (error) {
      this.#failure ??= error;
    }
  }

  /** Waits until the action was performed `more` times; throws if one fails. */
  async times(more: number): Promise<void> {
    const enough = this.#count + more;
    await eventually(`${more} more of ${this.#count}`, () => {
      if (this.#failure !== undefined) throw this.#failure;
      return this.#count >= enough;
    });
  }

  /** Stops the clients; throws if one has failed. */
  async stop(): Promise<void> {
    await this[Symbol.asyncDispose]();
    if (this.#failure !== undefined) throw this.#failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }
}
