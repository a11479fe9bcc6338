import type { Column } from "../report/text_table.ts";
import type { Rounds } from "../support/rounds.ts";

/** How to measure a part. */
export interface Context extends Rounds {
  /** For files. */
  folder: string;
  /** The control socket of a daemon. */
  sock: string;
  /** Of one load. A whole number. */
  seconds: number;
  /** Number of connections that stay open. */
  connections: number;
}

/** The results of a part. */
export interface Table {
  columns: readonly Column[];
  rows: readonly (readonly string[])[];
}

/** A part of the benchmark of workers. */
export type Part = (context: Context) => Promise<Table>;

/** A column of figures. */
export function figures(heading: string): Column {
  return { heading, align: "right" };
}
