/**
 * The progress of a round.
 *
 * @module
 */

/** Counts the acts of a round. */
export class Turns {
  #done = 0;
  #over = false;
  readonly #waiting = new Map<number, () => void>();

  /** Counts an act. */
  step(): void {
    this.#done++;
    this.#waiting.get(this.#done)?.();
  }

  /** Ends the round. */
  end(): void {
    this.#over = true;
    for (const wake of this.#waiting.values()) wake();
  }

  /** Waits for a number of acts or the end of the round. One caller at a time. */
  async after(count: number): Promise<void> {
    if (this.#over || this.#done >= count) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(count, resolve);
    await promise;
  }
}
