/**
 * The committed run, with which later runs are compared. Only ratios are
 * compared: values of one machine say nothing about another machine.
 *
 * @module
 */
import { treePath } from "../support/tree_path.ts";
import type { Machine } from "./machine.ts";
import { type Row, rowKey } from "./row.ts";

/** One run of the suite, as `--json` prints it. */
export interface Run {
  machine: Machine;
  /** ISO 8601. */
  taken: string;
  rounds: number;
  /** Of one load. */
  seconds: number;
  rows: Row[];
}

/** The path of the committed run. */
export const BASELINE: string = treePath("bench/baseline.json");

/** The committed run. */
export async function readBaseline(): Promise<Run> {
  return JSON.parse(await Deno.readTextFile(BASELINE));
}

/** A ratio that is worse than in the baseline. */
export interface Regression {
  key: string;
  before: number;
  now: number;
  /** As a share of the ratio before: 0.3 is 30 percent. */
  worseBy: number;
}

/** All ratios that are worse than in `baseline` by more than the margin. */
export function regressions(
  rows: readonly Row[],
  baseline: readonly Row[],
  margin: number,
): Regression[] {
  const ratios = new Map(baseline.map((row) => [rowKey(row), row.ratio]));
  return rows.flatMap((row) => {
    const key = rowKey(row);
    const before = ratios.get(key);
    if (before === undefined || row.ratio === undefined) return [];
    const worseBy = row.better === "higher"
      ? before / row.ratio - 1
      : row.ratio / before - 1;
    return worseBy > margin * (row.noise ?? 1)
      ? [{ key, before, now: row.ratio, worseBy }]
      : [];
  });
}
