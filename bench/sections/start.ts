/**
 * The time of a start and of a re-exec, compared with `deno run` of an empty
 * script from its start to its end.
 *
 * @module
 */
import { compare, type Row } from "../report/row.ts";
import { timed } from "../support/measure.ts";
import { reexecGap } from "../support/reexec_gap.ts";
import { measureRounds } from "../support/rounds.ts";
import { RunningServer } from "../support/running_server.ts";
import { DAEMON } from "../support/servers.ts";
import type { Context } from "./section.ts";

/** A start is short, so each round of the suite has several. */
const STARTS_PER_ROUND = 3;

/** Measures both. */
export async function start(context: Context): Promise<Row[]> {
  const { folder } = context;
  const script = `${folder}/empty.ts`;
  await Deno.writeTextFile(script, "");
  await using daemon = await RunningServer.start(DAEMON, `${folder}/1.sock`);
  const rounds = await measureRounds({
    ...context,
    rounds: context.rounds * STARTS_PER_ROUND,
  }, {
    script: () => timed(() => runScript(script)),
    ready: () => timeToReady(`${folder}/2.sock`),
    gap: () => reexecGap(daemon),
  });
  const compareWithScript = (ours: "ready" | "gap") =>
    compare(
      rounds,
      (round) => round[ours],
      ({ script }) => script,
      "empty script",
    );
  return [
    {
      group: "start",
      name: "start to ready",
      ...compareWithScript("ready"),
      unit: "ms",
      better: "lower",
    },
    {
      group: "start",
      name: "re-exec gap",
      ...compareWithScript("gap"),
      unit: "ms",
      better: "lower",
      target: { of: "ratio", atMost: 3 },
    },
  ];
}

async function timeToReady(socket: string): Promise<number> {
  const began = performance.now();
  await using _server = await RunningServer.start(DAEMON, socket);
  return performance.now() - began;
}

async function runScript(path: string): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", path],
  }).output();
  if (!success) throw new Error(`${path} failed`);
}
