/**
 * The rows as one table, for a terminal and for a page.
 *
 * @module
 */
import { figure, table } from "../table.ts";
import { meetsTarget, type Row } from "./row.ts";

const HEADINGS = ["", "this daemon", "", "beside", "", "ratio", "target", ""];

function digitsOf(value: number): number {
  if (value >= 100 || value === 0) return 0;
  return value >= 10 ? 1 : 2;
}

function shown(value: number): string {
  return figure(value, digitsOf(value));
}

function targetText({ target }: Row): string {
  if (target === undefined) return "";
  return target.atLeast === undefined
    ? `at most ${target.atMost}`
    : `at least ${target.atLeast}`;
}

function verdict(row: Row): string {
  const met = meetsTarget(row);
  if (met === undefined) return "";
  return met ? "met" : "missed";
}

function cellsOf(row: Row): string[] {
  return [
    row.name,
    shown(row.value),
    row.unit,
    row.beside === undefined ? "" : shown(row.beside.value),
    row.beside?.name ?? "",
    row.ratio === undefined ? "" : figure(row.ratio, 2),
    targetText(row),
    verdict(row),
  ];
}

function byGroup(rows: readonly Row[]): [string, Row[]][] {
  return [...Map.groupBy(rows, ({ group }) => group)];
}

/** The table for a terminal. */
export function textTable(rows: readonly Row[]): string {
  const lines = byGroup(rows).flatMap(([group, rows], index) => [
    ...(index > 0 ? [[]] : []),
    [group.toUpperCase()],
    ...rows.map(cellsOf),
  ]);
  return table(
    HEADINGS.map((heading, column) => ({
      heading,
      align: [1, 3, 5].includes(column) ? "right" : "left",
    })),
    lines,
  );
}

/** The same in Markdown. */
export function markdownTable(rows: readonly Row[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return byGroup(rows).map(([group, rows]) =>
    [
      line([group, "this daemon", "beside", "ratio", "target"]),
      line(["---", "--:", "--:", "--:", "---"]),
      ...rows.map((row) => {
        const [name, value, unit, beside, besideName, ratio, target, met] =
          cellsOf(row);
        return line([
          name!,
          `${value} ${unit}`.trim(),
          `${beside} ${besideName === "" ? "" : `(${besideName})`}`.trim(),
          ratio!,
          met === "" ? "" : `${target}: ${met}`,
        ]);
      }),
    ].join("\n")
  ).join("\n\n");
}
