/**
 * The children of a process, looked at again and again.
 *
 * @module
 */
import { childrenOf } from "./wrapped.ts";

/** How often they are looked at, in ms. */
const INTERVAL = 50;

/**
 * A child is dead for a moment before it is reaped, on a busy machine for a
 * longer one; who is dead longer than this, in ms, was forgotten.
 */
const MOMENT = 10_000;

/** A process's state, a letter of proc_pid_stat(5); `undefined` for none. */
export async function stateOf(pid: number): Promise<string | undefined> {
  try {
    const text = await Deno.readTextFile(`/proc/${pid}/stat`);
    return text.slice(text.lastIndexOf(")") + 2)[0];
  } catch (error) {
    const isGone = error instanceof Deno.errors.NotFound ||
      (error instanceof Error && "code" in error && error.code === "ESRCH");
    if (isGone) return undefined;
    throw error;
  }
}

/** Takes note of every child, and of those that nobody reaps. */
export class ChildWatch implements AsyncDisposable {
  readonly #parent: number;
  readonly #watching: Promise<void>;
  readonly #deadSince = new Map<number, number>();
  #over = false;
  /** Every child there was. */
  readonly seen: Set<number> = new Set();
  /** Those that were dead and not reaped for longer than a moment. */
  readonly forgotten: Set<number> = new Set();

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
      if (now - since > MOMENT) this.forgotten.add(pid);
    }
  }

  /** Those that are dead now and were not reaped. */
  async dead(): Promise<number[]> {
    const states = (await childrenOf(this.#parent)).map(async (pid) => ({
      pid,
      state: await stateOf(pid),
    }));
    return (await Promise.all(states)).filter(({ state }) => state === "Z")
      .map(({ pid }) => pid);
  }

  /** Looks no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true;
    await this.#watching;
  }
}
