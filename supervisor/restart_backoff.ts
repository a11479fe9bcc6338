import { formatDuration } from "../duration.ts";

/** A program that has run this long did not crash at its start, in ms. */
export const STABLE = 10_000;

const FIRST = 250;
const LONGEST = 30_000;

/**
 * How long to wait before a crashed program is started again: 0 ms the first
 * time, then 0.25, 0.5, 1, ... up to 30 s. After a run of ten seconds the pauses
 * begin at 0 again.
 */
export class RestartBackoff {
  #next = 0;

  /** The pause, in ms, after a program that ran for `lifetime` ms. */
  pauseAfter(lifetime: number): number {
    if (lifetime >= STABLE) this.reset();
    const pause = this.#next;
    this.#next = Math.min(pause === 0 ? FIRST : 2 * pause, LONGEST);
    return pause;
  }

  /** Makes the next pause 0 ms, since the program has changed. */
  reset(): void {
    this.#next = 0;
  }
}

/** A pause as messages name it: `at once`, `in 250 ms`. */
export function formatPause(pause: number): string {
  return pause === 0 ? "at once" : `in ${formatDuration(pause)}`;
}
