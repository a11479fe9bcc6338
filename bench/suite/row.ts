/**
 * What the suite finds: one figure a row, beside what it is compared with.
 *
 * @module
 */

/** What is asked of a figure. */
export interface Target {
  /** Of the ratio, or of the figure itself. */
  of: "ratio" | "value";
  atLeast?: number;
  atMost?: number;
}

/** One figure. */
export interface Row {
  /** Rows of one group belong together. */
  group: string;
  /** What was measured, of this daemon where nothing else is said. */
  name: string;
  value: number;
  /** Such as `binds/s`, `us` or `MiB`. */
  unit: string;
  /** What it is compared with, in the same unit. */
  beside?: { name: string; value: number };
  /** The median of the rounds' ratios: value by what is beside it. */
  ratio?: number;
  better: "higher" | "lower";
  /** How many margins it moves by itself from run to run. Default: 1. */
  spread?: number;
  target?: Target;
}

/** What tells a row from every other. */
export function rowKey({ group, name }: Row): string {
  return `${group}: ${name}`;
}

/** Whether the target is met; undefined where there is none. */
export function meetsTarget(row: Row): boolean | undefined {
  const { target } = row;
  if (target === undefined) return undefined;
  const figure = target.of === "ratio" ? row.ratio : row.value;
  if (figure === undefined) return false;
  return figure >= (target.atLeast ?? -Infinity) &&
    figure <= (target.atMost ?? Infinity);
}
