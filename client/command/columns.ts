/**
 * Lines of columns: aligned under a heading for people, separated by tabs and
 * without a heading for programs.
 */
export function columns(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  forPeople: boolean,
): string[] {
  if (!forPeople) return rows.map((row) => row.join("\t"));
  const all = [heading, ...rows];
  const widths = heading.map((_, column) =>
    Math.max(...all.map((row) => row[column]?.length ?? 0))
  );
  return all.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")
      .trimEnd()
  );
}
