import type { Row } from "../report/row.ts";
import type { Rounds } from "../support/rounds.ts";

/** How to measure a section. */
export interface Context extends Rounds {
  /** An empty folder for sockets and programs. */
  folder: string;
  /** Of one load. */
  seconds: number;
}

/** A part of the suite. Sections have different groups of rows. */
export type Section = (context: Context) => Promise<Row[]>;

/** Reports that something is not measured. Returns its rows: none. */
export function skip(what: string, reason: string): [] {
  console.error(`bench: skipped ${what}: ${reason}`);
  return [];
}
