import { median } from "../support/measure.ts";

/** A limit for a figure. */
export interface Target {
  /** Whether the limit is for the ratio or for the value. */
  of: "ratio" | "value";
  atLeast?: number;
  atMost?: number;
}

/** One result, which is one line of a table. */
export interface Row {
  /** The table that the row is in. */
  group: string;
  name: string;
  /** Measured with this daemon. */
  value: number;
  /** For example `binds/s`, `us` or `MiB`. */
  unit: string;
  /** What the value is compared with, in the same unit. */
  comparedWith?: { name: string; value: number };
  /** The median of the ratios within a round, not the ratio of the medians. */
  ratio?: number;
  better: "higher" | "lower";
  /** The regression margin is multiplied by this. @default 1 */
  noise?: number;
  target?: Target;
}

/** Identifies a row. */
export function rowKey({ group, name }: Pick<Row, "group" | "name">): string {
  return `${group}: ${name}`;
}

/** Whether the target is met; undefined if the row has no target. */
export function meetsTarget({ target, ratio, value }: Row) {
  if (target === undefined) return undefined;
  const figure = target.of === "ratio" ? ratio : value;
  if (figure === undefined) return false;
  return figure >= (target.atLeast ?? -Infinity) &&
    figure <= (target.atMost ?? Infinity);
}

/** The medians of a figure, of another figure, and of their ratio in a round. */
export function compare<Round>(
  rounds: readonly Round[],
  ours: (round: Round) => number,
  theirs: (round: Round) => number,
  name: string,
): Required<Pick<Row, "value" | "comparedWith" | "ratio">> {
  return {
    value: median(rounds.map(ours)),
    comparedWith: { name, value: median(rounds.map(theirs)) },
    ratio: median(rounds.map((round) => ours(round) / theirs(round))),
  };
}
