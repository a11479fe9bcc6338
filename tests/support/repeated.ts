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
  /** How often each client has performed it. */
  readonly #counts: number[];

  /** Starts `clients` clients; each performs `action` until it fails. */
  constructor(clients: number, action: () => Promise<void>) {
    this.#counts = Array.from({ length: clients }, () => 0);
    this.#loops = this.#counts.map((_, client) => this.#run(client, action));
  }

  async #run(client: number, action: () => Promise<void>): Promise<void> {
    try {
      while (!this.#stopped) {
        await action();
        this.#counts[client]!++;
      }
    } catch (error) {
      this.#failure ??= error;
    }
  }

  get #count(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /**
   * Waits until the action was performed `more` times, and at least once by each
   * client: none is at what it has begun before. Throws if one fails.
   */
  async times(more: number): Promise<void> {
    const before = [...this.#counts];
    const enough = this.#count + more;
    await eventually(`${more} more of ${this.#count}`, () => {
      if (this.#failure !== undefined) throw this.#failure;
      return this.#count >= enough &&
        this.#counts.every((count, client) => count > before[client]!);
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
