/**
 * The benchmark: `deno task bench`. docs/benchmarks.md explains its options and
 * what it compares. Needs cc; Ruby, s6 with libs6-dev, and wrk are optional.
 *
 * @module
 */
import { parseArgs } from "node:util";
import {
  BASELINE,
  readBaseline,
  regressions,
  type Run,
} from "./report/baseline.ts";
import { machineLine, thisMachine } from "./report/machine.ts";
import { writePages } from "./report/page.ts";
import type { Row } from "./report/row.ts";
import { terminalTable } from "./report/row_tables.ts";
import { formatNumber } from "./report/text_table.ts";
import { binds } from "./sections/binds.ts";
import { burden } from "./sections/burden.ts";
import { memory } from "./sections/memory.ts";
import { otherServers } from "./sections/other_servers.ts";
import type { Section } from "./sections/section.ts";
import { serving } from "./sections/serving.ts";
import { start } from "./sections/start.ts";

const SECTIONS: Readonly<Record<string, Section>> = {
  binds,
  others: otherServers,
  start,
  memory,
  burden,
  serving,
};
const ALL = Object.keys(SECTIONS).join(",");

const USAGE = `usage: deno task bench [options]
  --only SECTION,...  measure only these sections (${ALL})
  --rounds N          interleaved rounds (default 5)
  --seconds S         duration of one load (default 0.5)
  --json              print the run as JSON
  --margin SHARE      report ratios that are worse than in the baseline by more
                      than this share (default 0.3)
  --strict            exit with status 1 if a ratio is worse
  --save              make this run the baseline, and write it to
                      docs/benchmarks.md and README.md`;

class UsageError extends Error {}

function readOptions(args: string[]) {
  const values = readArguments(args);
  if (values.save && values.only !== ALL) {
    throw new UsageError("--save needs all sections: omit --only");
  }
  return {
    ...values,
    sections: values.only.split(",").map((name) => {
      const section = SECTIONS[name];
      if (section !== undefined) return section;
      throw new UsageError(`unknown section "${name}"`);
    }),
    rounds: Math.ceil(positive("rounds", values.rounds)),
    seconds: positive("seconds", values.seconds),
    margin: positive("margin", values.margin),
  };
}

function readArguments(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        only: { type: "string", default: ALL },
        rounds: { type: "string", default: "5" },
        seconds: { type: "string", default: "0.5" },
        margin: { type: "string", default: "0.3" },
        json: { type: "boolean", default: false },
        save: { type: "boolean", default: false },
        strict: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : `${error}`);
  }
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new UsageError(`invalid --${option} "${text}": expected a number > 0`);
}

type Options = ReturnType<typeof readOptions>;

async function measure(
  { sections, rounds, seconds }: Options,
  signal: AbortSignal,
): Promise<Run> {
  const rows: Row[] = [];
  for (const section of sections) {
    const folder = await Deno.makeTempDir({ prefix: "multibinder-bench-" });
    try {
      rows.push(...await section({ folder, signal, rounds, seconds }));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
  const machine = await thisMachine();
  return { machine, taken: new Date().toISOString(), rounds, seconds, rows };
}

/** Returns the ratios that are worse than in the baseline, one line each. */
async function compareWithBaseline(
  { rows }: Run,
  margin: number,
): Promise<string[]> {
  const baseline = await readBaseline();
  return regressions(rows, baseline.rows, margin).map((
    { key, before, now, worseBy },
  ) =>
    `worse by ${formatNumber(worseBy * 100)}%: ${key}: ratio ${
      formatNumber(now, 2)
    }, baseline ${formatNumber(before, 2)}`
  );
}

function printTable(run: Run, worse: string[], margin: number): void {
  const { machine, rounds, seconds, rows } = run;
  console.log(machineLine(machine));
  console.log(`medians of ${rounds} interleaved rounds, ${seconds} s a load\n`);
  console.log(`${terminalTable(rows)}\n`);
  const none = `No ratio is worse than in the baseline by more than ${
    margin * 100
  }%.`;
  console.log(worse.length > 0 ? worse.join("\n") : none);
}

/** Returns the exit status. */
async function main(args: string[]): Promise<number> {
  const options = readOptions(args);
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(
      signal,
      () => stop.abort(new Error(`ended by ${signal}`)),
    );
  }
  const run = await measure(options, stop.signal);
  const worse = await compareWithBaseline(run, options.margin);
  const json = JSON.stringify(run, null, 2);
  if (options.json) console.log(json);
  else printTable(run, worse, options.margin);
  if (options.save) {
    await Deno.writeTextFile(BASELINE, json + "\n");
    await writePages(run);
  }
  return options.strict && worse.length > 0 ? 1 : 0;
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  if (!(error instanceof Error)) throw error;
  console.error(`bench: ${error.message}`);
  if (!(error instanceof UsageError)) Deno.exit(1);
  console.error(USAGE);
  Deno.exit(2);
}
