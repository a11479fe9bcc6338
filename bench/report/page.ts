/**
 * Writes the results of a run into docs/benchmarks.md (all tables) and
 * README.md (three lines), between the marks of each page.
 *
 * @module
 */
import { treePath } from "../support/tree_path.ts";
import type { Run } from "./baseline.ts";
import { machineLine } from "./machine.ts";
import { type Row, rowKey } from "./row.ts";
import { formatValue, markdownTables } from "./row_tables.ts";
import { formatNumber } from "./text_table.ts";

const PAGE = treePath("docs/benchmarks.md");
const README = treePath("README.md");

const BEGIN = "<!-- begin: written by deno task bench --save -->";
const END = "<!-- end -->";

/** Writes both pages. */
export async function writePages(run: Run): Promise<void> {
  const source =
    `${machineLine(run.machine)}; medians of ${run.rounds} interleaved ` +
    `rounds, ${run.seconds} s a load; ${run.taken.slice(0, 10)}.`;
  await writeBetweenMarks(PAGE, `${source}\n\n${markdownTables(run.rows)}`);
  await writeBetweenMarks(README, summary(run.rows));
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", PAGE, README],
  }).output();
  if (!success) throw new Error(`deno fmt ${PAGE} ${README} failed`);
}

async function writeBetweenMarks(path: string, text: string): Promise<void> {
  const page = await Deno.readTextFile(path);
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin === -1 || end < begin) {
    throw new Error(`${path} has no lines "${BEGIN}" and "${END}"`);
  }
  const before = page.slice(0, begin) + BEGIN;
  await Deno.writeTextFile(path, `${before}\n\n${text}\n\n${page.slice(end)}`);
}

/** The three lines of the README. */
export function summary(rows: readonly Row[]): string {
  const row = (group: string, name: string): Row => {
    const key = rowKey({ group, name });
    const found = rows.find((each) => rowKey(each) === key);
    if (found === undefined) throw new Error(`the run has no row "${key}"`);
    return found;
  };
  const value = (group: string, name: string) =>
    formatValue(row(group, name).value);
  const ratio = (group: string, name: string) =>
    formatNumber(row(group, name).ratio!, 2);
  const binds = "binds per second";
  return `
- Binds per second, with a connection and a log line for each:
  ${value(binds, "1 client")} with 1 client,
  ${ratio(binds, "1 client")} of a C program that only answers;
  ${value(binds, "32 clients")} with 32 clients,
  ${ratio(binds, "32 clients")} of it.
- Re-exec: a client waits ${value("start", "re-exec gap")} ms at most,
  ${ratio("start", "re-exec gap")} times the run of an empty script. Memory:
  ${value("memory", "resident, beyond an empty script")} MiB more than an empty
  script, and ${value("memory", "resident, each held socket")} KiB for each
  socket.
- Requests lost while a service is reloaded:
  ${value("serving", "requests lost while the service is reloaded")}.
  \`binding.serve\` answers ${ratio("serving", "binding.serve")} times the
  requests of plain \`Deno.serve\`.
`.trim();
}
