/**
 * A table in plain text, its columns aligned.
 *
 * @module
 */

/** A column: its heading, and to which side its cells are aligned. */
export interface Column {
  /** The text above the column. */
  heading: string;
  /** Text goes to the left (the default), figures to the right. */
  align?: "left" | "right";
}

/**
 * The lines of a table. An empty row is an empty line: it parts groups of rows.
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const headings = columns.map((column) => column.heading);
  const widths = columns.map((_, index) =>
    Math.max(...[headings, ...rows].map((row) => row[index]?.length ?? 0))
  );
  const line = (cells: readonly string[]) =>
    cells.map((cell, index) => {
      const width = widths[index] ?? 0;
      return columns[index]?.align === "right"
        ? cell.padStart(width)
        : cell.padEnd(width);
    }).join("  ").trimEnd();
  const rule = widths.map((width) => "-".repeat(width));
  return [headings, rule, ...rows].map(line).join("\n");
}

/** A figure as a table shows it: thousands parted, `digits` after the point. */
export function figure(value: number, digits = 0): string {
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}
