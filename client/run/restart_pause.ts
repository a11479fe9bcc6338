/** Who has run this long has not crashed at its start, in ms. */
const LONG_ENOUGH = 10_000;

const FIRST = 250;
const LONGEST = 30_000;

/**
 * How long a crashed program is left alone before it is started again: not at
 * all the first time, then 0.25, 0.5, 1, ... up to 30 s. Who has run for ten
 * seconds begins anew.
 */
export class RestartPause {
  #next = 0;

  /** The pause, in ms, after a program that ran for `lifetime` ms. */
  after(lifetime: number): number {
    if (lifetime >= LONG_ENOUGH) this.reset();
    const pause = this.#next;
    this.#next = Math.min(pause === 0 ? FIRST : 2 * pause, LONGEST);
    return pause;
  }

  /** The next one is none at all: something has changed. */
  reset(): void {
    this.#next = 0;
  }
}
