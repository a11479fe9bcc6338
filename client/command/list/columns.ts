import { cutToWidth, printable, textWidth } from "./text_width.ts";

/** A column of a table. */
export interface Column {
  /** The text above the column. */
  heading: string;
  /** Whether it is aligned to the right. Default: false. */
  right?: boolean;
}

/** Lines of aligned columns with headings, at most `width` columns wide. */
export function columns(
  heads: readonly Column[],
  rows: readonly (readonly string[])[],
  width = Infinity,
): string[] {
  const all = [heads.map(({ heading }) => heading), ...rows].map((row) =>
    row.map(printable)
  );
  const widths = heads.map(() => 0);
  for (const row of all) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, textWidth(cell));
    });
  }
  return all.map((row) => {
    const cells = row.map((cell, column) => {
      const space = " ".repeat((widths[column] ?? 0) - textWidth(cell));
      return heads[column]?.right ? space + cell : cell + space;
    });
    return cutToWidth(cells.join("  ").trimEnd(), width);
  });
}

/** Lines of a name and a text, with the texts aligned. */
export function entries(
  rows: readonly (readonly [name: string, text: string])[],
): string[] {
  const longest = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, text]) =>
    `${name.padEnd(longest)}  ${printable(text)}`
  );
}
