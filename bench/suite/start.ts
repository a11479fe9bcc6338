/**
 * From the start to the line that says ready, the gap of a re-exec, and what
 * an idle daemon has in memory: each beside a bare `deno run` of an empty
 * script.
 *
 * @module
 */
import { connect } from "../../client.ts";
import { median } from "../measure.ts";
import { residentBytes, RunningServer } from "../programs.ts";
import { reexecGap, runScript } from "../reexec_gap.ts";
import { serverPrograms } from "../servers.ts";
import { timed } from "../timed.ts";
import { type Context, interleaved } from "./context.ts";
import type { Row } from "./row.ts";

const MIB = 1024 * 1024;

/** A start is short: so many for each round of a load. */
const STARTS_A_ROUND = 3;

/** Runs an empty script that waits, and tells what it has in memory. */
async function residentOfBare(folder: string): Promise<number> {
  const script = `${folder}/waits.ts`;
  await Deno.writeTextFile(
    script,
    'console.log("ready"); setTimeout(() => {}, 60_000);',
  );
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", script],
    stdout: "piped",
  }).spawn();
  try {
    const reader = child.stdout.getReader();
    await reader.read();
    reader.releaseLock();
    return await residentBytes(child.pid);
  } finally {
    child.kill("SIGKILL");
    await child.stdout.cancel();
    await child.status;
  }
}

/** Start, re-exec and memory. */
export async function start(context: Context): Promise<Row[]> {
  const { folder, rounds } = context;
  const [program] = await serverPrograms(["daemon"], folder);
  const empty = `${folder}/empty.ts`;
  await Deno.writeTextFile(empty, "");
  const socket = `${folder}/start.sock`;
  await using lasting = await RunningServer.start(
    program!,
    `${folder}/lasting.sock`,
  );
  const taken = {
    script: [] as number[],
    ready: [] as number[],
    gap: [] as number[],
    memory: [] as number[],
    bare: [] as number[],
  };
  const measured = {
    script: async () => await timed(() => runScript(empty)),
    ready: async () => {
      let server: RunningServer | undefined;
      const took = await timed(async () => {
        server = await RunningServer.start(program!, socket);
      });
      await server![Symbol.asyncDispose]();
      return took;
    },
    gap: () => reexecGap(lasting),
    memory: async () => {
      await using server = await RunningServer.start(program!, socket);
      using session = await connect({ sock: socket });
      await session.status();
      return await server.residentBytes();
    },
    bare: () => residentOfBare(folder),
  };
  const names = Object.keys(measured) as (keyof typeof measured)[];
  await interleaved(
    { ...context, rounds: 1 + rounds * STARTS_A_ROUND },
    names,
    async (name, round) => {
      const figure = await measured[name]();
      // The first round compiles what the others find in Deno's cache.
      if (round > 0) taken[name].push(figure);
    },
  );
  const ratio = (of: number[]) =>
    median(of.map((each, round) => each / taken.script[round]!));
  const script = {
    name: "empty script, to its end",
    value: median(taken.script),
  };
  const over = taken.memory.map((each, round) => each - taken.bare[round]!);
  return [
    {
      group: "start",
      name: "start to ready",
      value: median(taken.ready),
      unit: "ms",
      beside: script,
      ratio: ratio(taken.ready),
      better: "lower",
      target: { of: "ratio", atMost: 1.5 },
    },
    {
      group: "start",
      name: "re-exec gap",
      value: median(taken.gap),
      unit: "ms",
      beside: script,
      ratio: ratio(taken.gap),
      better: "lower",
    },
    {
      group: "memory",
      name: "resident, idle",
      value: median(taken.memory) / MIB,
      unit: "MiB",
      beside: { name: "bare script", value: median(taken.bare) / MIB },
      ratio: median(
        taken.memory.map((each, round) => each / taken.bare[round]!),
      ),
      better: "lower",
    },
    {
      group: "memory",
      name: "resident beyond a bare script",
      value: median(over) / MIB,
      unit: "MiB",
      better: "lower",
      target: { of: "value", atMost: 10 },
    },
  ];
}
