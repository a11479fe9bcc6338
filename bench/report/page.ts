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
const COMMAND = "deno task bench --save";
const README = treePath("README.md");

const END = "<!-- end -->";

/** Writes both pages. */
export async function writePages(run: Run): Promise<void> {
  const source =
    `${machineLine(run.machine)}; medians of ${run.rounds} interleaved ` +
    `rounds, ${run.seconds} s a load; ${run.taken.slice(0, 10)}.`;
  const text = `${source}\n\n${markdownTables(run.rows)}`;
  await writeBetweenMarks(PAGE, COMMAND, text);
  await writeBetweenMarks(README, COMMAND, summary(run.rows));
}

/** Writes text between the marks of a command in a page, and formats the page. */
export async function writeBetweenMarks(
  path: string,
  command: string,
  text: string,
): Promise<void> {
  const mark = `<!-- begin: written by ${command} -->`;
  const page = await Deno.readTextFile(path);
  const begin = page.indexOf(mark);
  const end = page.indexOf(END, begin);
  if (begin === -1 || end === -1) {
    throw new Error(`${path} has no lines "${mark}" and "${END}"`);
  }
  const before = page.slice(0, begin) + mark;
  await Deno.writeTextFile(path, `${before}\n\n${text}\n\n${page.slice(end)}`);
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", path],
  }).output();
  if (!success) throw new Error(`deno fmt ${path} failed`);
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
