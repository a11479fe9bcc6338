/**
 * Several workers of a service: `deno task bench:workers`. It is not a part of
 * the suite, which would take twice as long with it. docs/benchmarks.md explains
 * it. Needs wrk.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { machineLine, thisMachine } from "./report/machine.ts";
import { writeBetweenMarks } from "./report/page.ts";
import { markdownTable, textTable } from "./report/text_table.ts";
import { RunningServer } from "./support/running_server.ts";
import { DAEMON } from "./support/servers.ts";
import { treePath } from "./support/tree_path.ts";
import { changes } from "./workers/changes.ts";
import { memory } from "./workers/memory.ts";
import type { Part } from "./workers/part.ts";
import { spread } from "./workers/spread.ts";

const PARTS: Readonly<Record<string, Part>> = { spread, changes, memory };
const ALL = Object.keys(PARTS).join(",");

const COMMAND = "deno task bench:workers --save";

const USAGE = `usage: deno task bench:workers [options]
  --only PART,...  measure only these parts (${ALL})
  --rounds N       interleaved rounds (default 4)
  --seconds N      duration of one load (default 1)
  --connections N  connections that stay open (default 400)
  --save           write the tables to docs/workers.md`;

class UsageError extends Error {}

function readOptions(args: string[]) {
  const { only, save, ...given } = readArguments(args);
  if (save && only !== ALL) {
    throw new UsageError("--save needs all parts: omit --only");
  }
  const parts = only.split(",").map((name) => {
    const part = PARTS[name];
    if (part !== undefined) return part;
    throw new UsageError(`unknown part "${name}"`);
  });
  const counts = {
    rounds: positive("rounds", given.rounds),
    seconds: positive("seconds", given.seconds),
    connections: positive("connections", given.connections),
  };
  return { parts, save, ...counts };
}

function readArguments(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        only: { type: "string", default: ALL },
        rounds: { type: "string", default: "4" },
        seconds: { type: "string", default: "1" },
        connections: { type: "string", default: "400" },
        save: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : `${error}`);
  }
}

function positive(option: string, text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new UsageError(
    `invalid --${option} "${text}": expected a whole number > 0`,
  );
}

/** Aborted by SIGINT and SIGTERM, so that the measured processes end too. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(
      name,
      () => stop.abort(new Error(`ended by ${name}`)),
    );
  }
  return stop.signal;
}

async function main(args: string[]): Promise<void> {
  const { parts, save, rounds, seconds, connections } = readOptions(args);
  const folder = await Deno.makeTempDir({ prefix: "multibinder-bench-" });
  try {
    const sock = `${folder}/control.sock`;
    await using _daemon = await RunningServer.start(DAEMON, sock);
    const signal = stopSignal();
    const load = { rounds, seconds, connections };
    const source = [
      machineLine(await thisMachine()),
      `medians of ${rounds} interleaved rounds, ${seconds} s a load`,
    ];
    console.log(source.join("\n"));
    const pages = [
      `${source.join("; ")}; ${new Date().toISOString().slice(0, 10)}.`,
    ];
    for (const part of parts) {
      const { columns, rows } = await part({ folder, signal, sock, ...load });
      console.log(`\n${textTable(columns, rows)}`);
      pages.push(markdownTable(columns, rows));
    }
    if (!save) return;
    const page = treePath("docs/workers.md");
    await writeBetweenMarks(page, COMMAND, pages.join("\n\n"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

try {
  await main(Deno.args);
  Deno.exit();
} catch (error) {
  if (!(error instanceof Error)) throw error;
  console.error(`bench: ${error.message}`);
  if (!(error instanceof UsageError)) Deno.exit(1);
  console.error(USAGE);
  Deno.exit(2);
}
