/** Rows as tables, for a terminal and for a Markdown page. */
import { meetsTarget, type Row } from "./row.ts";
import { formatNumber, markdownTable, textTable } from "./text_table.ts";

const COLUMNS = [
  { heading: "" },
  { heading: "this daemon", align: "right" },
  { heading: "" },
  { heading: "compared with", align: "right" },
  { heading: "" },
  { heading: "ratio", align: "right" },
  { heading: "target" },
] as const;

/** A value with at least two significant digits. */
export function formatValue(value: number): string {
  if (value >= 100 || value === 0) return formatNumber(value);
  return formatNumber(value, value >= 10 ? 1 : 2);
}

function targetText(row: Row): string {
  const { target } = row;
  if (target === undefined) return "";
  const limit = target.atLeast === undefined
    ? `at most ${target.atMost}`
    : `at least ${target.atLeast}`;
  return `${limit}: ${meetsTarget(row) ? "met" : "missed"}`;
}

function cellsOf(row: Row) {
  const { name, value, unit, comparedWith, ratio } = row;
  return {
    name,
    value: formatValue(value),
    unit,
    other: comparedWith === undefined ? "" : formatValue(comparedWith.value),
    otherName: comparedWith?.name ?? "",
    ratio: ratio === undefined ? "" : formatNumber(ratio, 2),
    target: targetText(row),
  };
}

/** One table for a terminal. */
export function terminalTable(rows: readonly Row[]): string {
  const groups = [...Map.groupBy(rows, ({ group }) => group)];
  const lines = groups.flatMap(([group, rows], index) => [
    ...(index > 0 ? [[]] : []),
    [group.toUpperCase()],
    ...rows.map((row) => Object.values(cellsOf(row))),
  ]);
  return textTable(COLUMNS, lines);
}

/** One Markdown table for each group. */
export function markdownTables(rows: readonly Row[]): string {
  const groups = [...Map.groupBy(rows, ({ group }) => group)];
  return groups.map(([group, rows]) =>
    markdownTable(
      [
        { heading: group },
        { heading: "this daemon", align: "right" },
        { heading: "compared with", align: "right" },
        { heading: "ratio", align: "right" },
        { heading: "target" },
      ],
      rows.map(cellsOf).map((cells) => [
        cells.name,
        `${cells.value} ${cells.unit}`.trim(),
        cells.otherName && `${cells.other} (${cells.otherName})`,
        cells.ratio,
        cells.target,
      ]),
    )
  ).join("\n\n");
}
