/**
 * Watches the children of a process.
 *
 * @module
 */
import { childrenOf, stateOf } from "../process_life.ts";

/** How often to look at the children, in ms. */
const INTERVAL = 50;

/**
 * How long a child may be a zombie, in ms. It always is for a moment, and for
 * longer on a busy machine.
 */
const ZOMBIE_LIMIT = 10_000;

/** Records every child, and those that are not reaped. */
export class ChildWatch implements AsyncDisposable {
  readonly #parent: number;
  readonly #watching: Promise<void>;
  readonly #deadSince = new Map<number, number>();
  #over = false;
  /** Every child so far. */
  readonly seen: Set<number> = new Set();
  /** Children that were zombies for too long. */
  readonly unreaped: Set<number> = new Set();

  constructor(parent: number) {
    this.#parent = parent;
    this.#watching = this.#watch();
  }

  async #watch(): Promise<void> {
    try {
      while (!this.#over) {
        await this.#look();
        await new Promise((resolve) => setTimeout(resolve, INTERVAL));
      }
    } catch (error) {
      // The parent has ended.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async #look(): Promise<void> {
    const now = performance.now();
    for (const pid of await childrenOf(this.#parent)) {
      this.seen.add(pid);
      if (await stateOf(pid) !== "Z") continue;
      const since = this.#deadSince.get(pid) ?? now;
      this.#deadSince.set(pid, since);
      if (now - since > ZOMBIE_LIMIT) this.unreaped.add(pid);
    }
  }

  /** Children that are zombies now. */
  async zombies(): Promise<number[]> {
    const states = (await childrenOf(this.#parent)).map(async (pid) => ({
      pid,
      state: await stateOf(pid),
    }));
    return (await Promise.all(states)).filter(({ state }) => state === "Z")
      .map(({ pid }) => pid);
  }

  /** Stops watching. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true;
    await this.#watching;
  }
}
