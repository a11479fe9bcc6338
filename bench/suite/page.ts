/**
 * Table and chart of a run where people read them. `docs/benchmarks.md` has the
 * whole table between two marks, the README what targets are set for.
 *
 * @module
 */
import { machineLine } from "../machine.ts";
import { treePath } from "../programs.ts";
import type { Run } from "./baseline.ts";
import { chart } from "./chart.ts";
import { markdownTable } from "./report.ts";

const PAGE = treePath("docs/benchmarks.md");
const README = treePath("README.md");
const CHART = treePath("docs/benchmarks.svg");

const BEGIN = "<!-- deno task bench --save writes from here -->";
const END = "<!-- to here -->";

/** Replaces what is between the marks of a page. */
async function writeBetween(
  path: string,
  parts: readonly string[],
): Promise<void> {
  const page = await Deno.readTextFile(path);
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin === -1 || end < begin) {
    throw new Error(`${path} has no place for the table: ${BEGIN} ... ${END}`);
  }
  const before = page.slice(0, begin) + BEGIN;
  await Deno.writeTextFile(
    path,
    [before, ...parts, page.slice(end)].join("\n\n"),
  );
}

/** Replaces the tables on the pages, and the chart. */
export async function writePages(run: Run): Promise<void> {
  const where = machineLine(run.machine);
  const how =
    `${where}; medians of ${run.rounds} interleaved rounds, ${run.seconds} s a load; ${
      run.taken.slice(0, 10)
    }.`;
  const asked = run.rows.filter(({ target }) => target !== undefined);
  await writeBetween(PAGE, [how, markdownTable(run.rows)]);
  await writeBetween(README, [markdownTable(asked), how]);
  await Deno.writeTextFile(CHART, chart(run.rows, where));
  const written = [PAGE, README, CHART, treePath("bench/baseline.json")];
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", ...written],
  }).output();
  if (!success) throw new Error(`deno fmt ${written.join(" ")} failed`);
}
