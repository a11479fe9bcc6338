/**
 * The ratios as one picture: a bar for each, and a mark where its target is.
 *
 * @module
 */
import { meetsTarget, type Row } from "./row.ts";

/** In pixels. */
const WIDTH = 860;
const LABELS = 330;
const SCALE = WIDTH - LABELS - 70;
const LINE = 20;
const BAR = 12;
const TOP = 64;
const GAP = 14;
/** The width of a figure. */
const FIGURE = 30;

/** What is longer is cut, and says its figure. */
const MOST = 2.5;

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .title { font-size: 15px; font-weight: 600; }
  .group { font-weight: 600; }
  .note { fill: #57606a; }
  .met { fill: #2da44e; }
  .missed { fill: #cf222e; }
  .plain { fill: #6e7781; }
  .one { stroke: #8c959f; stroke-dasharray: 3 3; }
  .target { stroke: #24292f; stroke-width: 2; }`;

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (each) => `&#${each.charCodeAt(0)};`);
}

function text(x: number, y: number, content: string, kind = ""): string {
  return `<text x="${x}" y="${y}" class="${kind}">${escaped(content)}</text>`;
}

function place(ratio: number): number {
  return LABELS + Math.min(ratio, MOST) / MOST * SCALE;
}

/** Where a row's figure is written: behind its bar, and not upon its mark. */
function figurePlace(ratio: number, target: number | undefined): number {
  const behindBar = place(ratio) + 6;
  if (target === undefined) return behindBar;
  const isInTheWay = target > behindBar - 6 && target < behindBar + FIGURE;
  return isInTheWay ? target + 6 : behindBar;
}

function barOf(row: Row, ratio: number, y: number): string[] {
  const met = meetsTarget(row);
  const kind = met === undefined ? "plain" : met ? "met" : "missed";
  const width = (place(ratio) - LABELS).toFixed(1);
  const middle = y + LINE / 2 + 4;
  const wanted = row.target?.of === "ratio"
    ? row.target.atLeast ?? row.target.atMost
    : undefined;
  const target = wanted === undefined ? undefined : place(wanted);
  const top = y + (LINE - BAR) / 2;
  const shapes = [
    text(8, middle, row.name),
    `<rect x="${LABELS}" y="${top}" width="${width}" height="${BAR}" rx="2" class="${kind}"/>`,
    text(
      Math.round(figurePlace(ratio, target)),
      middle,
      ratio.toFixed(2),
      "note",
    ),
  ];
  if (target !== undefined) {
    const at = target.toFixed(1);
    const [from, to] = [y + 1, y + LINE - 1];
    shapes.push(
      `<line x1="${at}" x2="${at}" y1="${from}" y2="${to}" class="target"/>`,
    );
  }
  return shapes;
}

/** An SVG of every row that has a ratio. */
export function chart(rows: readonly Row[], subtitle: string): string {
  const shapes: string[] = [];
  let y = TOP;
  const groups = Map.groupBy(
    rows.filter(({ ratio }) => ratio !== undefined),
    ({ group, better, beside }) =>
      `${group}, beside ${
        group === "burden" ? "a daemon without" : beside?.name
      } (${better} is better)`,
  );
  for (const [group, members] of groups) {
    shapes.push(text(8, y + LINE - 6, group, "group"));
    y += LINE;
    for (const row of members) {
      shapes.push(...barOf(row, row.ratio!, y));
      y += LINE;
    }
    y += GAP;
  }
  const one = place(1).toFixed(1);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img">`,
    `<style>${STYLE}\n</style>`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    text(8, 24, "multibinder beside what it is measured against", "title"),
    text(8, 44, subtitle, "note"),
    `<line x1="${one}" x2="${one}" y1="${TOP - 8}" y2="${
      y - GAP
    }" class="one"/>`,
    ...shapes,
    "</svg>",
    "",
  ].join("\n");
}
