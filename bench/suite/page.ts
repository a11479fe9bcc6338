/**
 * Table and chart of a run where people read them: `docs/benchmarks.md` has
 * its text by hand, and the table between two marks.
 *
 * @module
 */
import { machineLine } from "../machine.ts";
import { treePath } from "../programs.ts";
import type { Run } from "./baseline.ts";
import { chart } from "./chart.ts";
import { markdownTable } from "./report.ts";

const PAGE = treePath("docs/benchmarks.md");
const CHART = treePath("docs/benchmarks.svg");

const BEGIN = "<!-- deno task bench --save writes from here -->";
const END = "<!-- to here -->";

/** Replaces the table on the page, and the chart. */
export async function writePage(run: Run): Promise<void> {
  const where = machineLine(run.machine);
  const page = await Deno.readTextFile(PAGE);
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin === -1 || end < begin) {
    throw new Error(`${PAGE} has no place for the table: ${BEGIN} ... ${END}`);
  }
  const how =
    `${where}; medians of ${run.rounds} interleaved rounds, ${run.seconds} s a load; ${
      run.taken.slice(0, 10)
    }.`;
  await Deno.writeTextFile(
    PAGE,
    [
      page.slice(0, begin) + BEGIN,
      how,
      markdownTable(run.rows),
      page.slice(end),
    ].join("\n\n"),
  );
  await Deno.writeTextFile(CHART, chart(run.rows, where));
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", PAGE, CHART, treePath("bench/baseline.json")],
  }).output();
  if (!success) throw new Error(`deno fmt of ${PAGE} and ${CHART} failed`);
}
