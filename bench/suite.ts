/**
 * The whole suite: everything side by side in one run, in under three minutes.
 *
 *     deno task bench [--only binds,fdholder,start,burden,serving] [--rounds 5]
 *       [--seconds 0.3] [--json] [--save] [--margin 0.3] [--strict]
 *
 * Rounds are interleaved, each in another order, so that what else the machine
 * does meets all that is compared; figures are medians of the rounds, ratios
 * medians of the ratios within a round. Prints one table, and which ratios are
 * worse than in `bench/baseline.json` by more than the margin, as a share of
 * what they were (twice and four times that for p99 and p99.9); with `--strict` such a run fails. `--json` prints the run
 * instead. `--save` makes it the baseline and writes tables and chart to
 * the README and `docs/`.
 *
 * Needs cc; Ruby, s6 with libs6's headers, and wrk where they are installed.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { machineLine, thisMachine } from "./machine.ts";
import { figure } from "./table.ts";
import {
  readBaseline,
  type Regression,
  regressions,
  type Run,
  writeBaseline,
} from "./suite/baseline.ts";
import { binds } from "./suite/binds.ts";
import { burden } from "./suite/burden.ts";
import type { Section } from "./suite/context.ts";
import { fdholder } from "./suite/fdholder.ts";
import { writePages } from "./suite/page.ts";
import { textTable } from "./suite/report.ts";
import type { Row } from "./suite/row.ts";
import { serving } from "./suite/serving.ts";
import { start } from "./suite/start.ts";

const SECTIONS: Readonly<Record<string, Section>> = {
  binds,
  fdholder,
  start,
  burden,
  serving,
};

const given = parseArgs(Deno.args, {
  string: ["only", "rounds", "seconds", "margin"],
  boolean: ["json", "save", "strict"],
  unknown: (option) => usage(`there is no ${option}`),
});
const options = {
  only: Object.keys(SECTIONS).join(","),
  rounds: "5",
  seconds: "0.3",
  margin: "0.3",
  ...given,
};

function usage(problem: string): never {
  console.error(
    `bench: ${problem}\nusage: deno task bench [--only ${
      Object.keys(SECTIONS).join(",")
    }]\n  [--rounds N] [--seconds S] [--json] [--save] [--margin SHARE] [--strict]`,
  );
  Deno.exit(2);
}

function positive(name: "rounds" | "seconds" | "margin"): number {
  const value = Number(options[name]);
  if (value > 0 && Number.isFinite(value)) return value;
  usage(`--${name} is a number above 0`);
}

function sections(): Section[] {
  return options.only.split(",").map((name) =>
    SECTIONS[name] ?? usage(`there is no section ${name}`)
  );
}

async function measure(signal: AbortSignal): Promise<Run> {
  const [rounds, seconds] = [
    Math.ceil(positive("rounds")),
    positive("seconds"),
  ];
  const rows: Row[] = [];
  for (const section of sections()) {
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

function complaint({ key, before, now, worseBy }: Regression): string {
  return `worse by ${figure(worseBy * 100)}%: ${key}: ${figure(now, 2)}, was ${
    figure(before, 2)
  }`;
}

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(
    signal,
    () => stop.abort(new Error(`ended by ${signal}`)),
  );
}
const margin = positive("margin");
const run = await measure(stop.signal);
const baseline = await readBaseline();
const worse = regressions(run.rows, baseline?.rows ?? [], margin);
if (options.json) console.log(JSON.stringify(run, null, 2));
else {
  console.log(machineLine(run.machine));
  console.log(
    `medians of ${run.rounds} interleaved rounds, ${run.seconds} s a load\n`,
  );
  console.log(textTable(run.rows));
  console.log();
  if (baseline === undefined) console.log("There is no baseline.");
  else {
    console.log(
      worse.length === 0
        ? `No ratio is worse than in the baseline by more than ${
          margin * 100
        }%.`
        : worse.map(complaint).join("\n"),
    );
  }
}
if (options.save) {
  await writeBaseline(run);
  await writePages(run);
}
Deno.exit(options.strict && worse.length > 0 ? 1 : 0);
