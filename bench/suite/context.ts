/**
 * What every section of the suite works with.
 *
 * @module
 */
import type { Row } from "./row.ts";

/** How a section measures. */
export interface Context {
  /** An empty folder of the suite's, for sockets and programs. */
  folder: string;
  /** Aborted when the suite is to end early. */
  signal: AbortSignal;
  /** Interleaved rounds; each figure is the median. */
  rounds: number;
  /** How long one load of one round takes, in s. */
  seconds: number;
}

/** A section of the suite. */
export type Section = (context: Context) => Promise<Row[]>;

/** Calls `action` once a round for each of the items, in another order each time. */
export async function interleaved<T>(
  { rounds, signal }: Context,
  items: readonly T[],
  action: (item: T, round: number) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const turn = round % items.length;
    for (const item of [...items.slice(turn), ...items.slice(0, turn)]) {
      signal.throwIfAborted();
      await action(item, round);
    }
  }
}
