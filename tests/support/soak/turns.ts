/**
 * How far a round has come.
 *
 * @module
 */

/** Counts what the actors have done, for who waits for a part of it. */
export class Turns {
  #done = 0;
  #over = false;
  readonly #waiting = new Map<number, () => void>();

  /** One more act is done. */
  step(): void {
    this.#done++;
    this.#waiting.get(this.#done)?.();
  }

  /** No more will be done. */
  end(): void {
    this.#over = true;
    for (const wake of this.#waiting.values()) wake();
  }

  /** Waits until so many are done, or no more will be. One waits at a time. */
  async after(count: number): Promise<void> {
    if (this.#over || this.#done >= count) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(count, resolve);
    await promise;
  }
}
