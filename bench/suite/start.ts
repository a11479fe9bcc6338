/**
 * From the start to the line that says ready, the gap of a re-exec, and what
 * an idle daemon has in memory: each beside a bare `deno run` of an empty
 * script.
 *
 * @module
 */
import { median } from "../measure.ts";
import {
  residentBytes,
  RunningServer,
  type ServerProgram,
} from "../programs.ts";
import { reexecGap, runScript } from "../reexec_gap.ts";
import { serverPrograms } from "../servers.ts";
import { timed } from "../timed.ts";
import { type Context, interleaved } from "./context.ts";
import type { Row } from "./row.ts";

const MIB = 1024 * 1024;

/** A start is short: so many for each round of a load. */
const STARTS_A_ROUND = 3;

/** Deno is not done with its start before, in ms. */
const SETTLED = 1_000;

/** What an idle daemon and an empty script that waits have in memory. */
async function residents(
  program: ServerProgram,
  folder: string,
): Promise<{ ours: number; bare: number }> {
  const script = `${folder}/waits.ts`;
  await Deno.writeTextFile(script, "setTimeout(() => {}, 60_000);");
  await using server = await RunningServer.start(
    program,
    `${folder}/memory.sock`,
  );
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", script],
  }).spawn();
  try {
    await new Promise((resolve) => setTimeout(resolve, SETTLED));
    return {
      ours: await server.residentBytes(),
      bare: await residentBytes(child.pid),
    };
  } finally {
    child.kill("SIGKILL");
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
  const memory: { ours: number; bare: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    context.signal.throwIfAborted();
    memory.push(await residents(program!, folder));
  }
  return [
    {
      group: "start",
      name: "start to ready",
      value: median(taken.ready),
      unit: "ms",
      beside: script,
      ratio: ratio(taken.ready),
      better: "lower",
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
      value: median(memory.map(({ ours }) => ours)) / MIB,
      unit: "MiB",
      beside: {
        name: "bare script",
        value: median(memory.map(({ bare }) => bare)) / MIB,
      },
      ratio: median(memory.map(({ ours, bare }) => ours / bare)),
      better: "lower",
    },
    {
      group: "memory",
      name: "resident beyond a bare script",
      value: median(memory.map(({ ours, bare }) => ours - bare)) / MIB,
      unit: "MiB",
      better: "lower",
      target: { of: "value", atMost: 10 },
    },
  ];
}
