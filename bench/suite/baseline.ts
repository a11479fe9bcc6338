/**
 * A run that others are compared with: by ratios alone, for those of one
 * machine say something of another.
 *
 * @module
 */
import type { Machine } from "../machine.ts";
import { treePath } from "../programs.ts";
import { type Row, rowKey } from "./row.ts";

/** One run of the suite, as `--json` prints it. */
export interface Run {
  machine: Machine;
  /** ISO 8601. */
  taken: string;
  rounds: number;
  /** Of one load in one round. */
  seconds: number;
  rows: Row[];
}

const PATH = treePath("bench/baseline.json");

/** The committed run; undefined where there is none. */
export async function readBaseline(path = PATH): Promise<Run | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Makes a run the one that others are compared with. */
export async function writeBaseline(run: Run): Promise<void> {
  await Deno.writeTextFile(PATH, JSON.stringify(run, null, 2) + "\n");
}

/** A ratio that got worse. */
export interface Regression {
  key: string;
  before: number;
  now: number;
  /** By what share of what it was: 0.3 is 30 percent. */
  worseBy: number;
}

/** Every ratio that is worse than in `baseline` by more than its margins. */
export function regressions(
  rows: readonly Row[],
  baseline: readonly Row[],
  margin: number,
): Regression[] {
  const before = new Map(baseline.map((row) => [rowKey(row), row.ratio]));
  return rows.flatMap((row) => {
    const key = rowKey(row);
    const was = before.get(key);
    if (was === undefined || row.ratio === undefined) return [];
    const worseBy = row.better === "higher"
      ? was / row.ratio - 1
      : row.ratio / was - 1;
    return worseBy > margin * (row.spread ?? 1)
      ? [{ key, before: was, now: row.ratio, worseBy }]
      : [];
  });
}
