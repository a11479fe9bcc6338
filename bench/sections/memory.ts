/**
 * Resident memory: of an idle daemon compared with an empty script that waits,
 * and of each held socket.
 *
 * @module
 */
import { connect } from "../../client.ts";
import { compare, type Row } from "../report/row.ts";
import { holdSockets } from "../support/hold_sockets.ts";
import { median } from "../support/measure.ts";
import { residentBytes, RunningServer } from "../support/running_server.ts";
import { DAEMON } from "../support/servers.ts";
import type { Context } from "./section.ts";

const MIB = 1024 * 1024;

/** The growth between these numbers of held sockets is measured. */
const FEW = 1_000;
const MANY = 10_000;

/** How long Deno takes to finish its start, in ms. */
const SETTLE_TIME = 1_000;

/** Resident bytes in one round. */
interface Sample {
  script: number;
  idle: number;
  few: number;
  many: number;
}

/** Measures both. */
export async function memory(context: Context): Promise<Row[]> {
  const samples: Sample[] = [];
  for (let round = 0; round < context.rounds; round++) {
    context.signal.throwIfAborted();
    samples.push({
      script: await measureEmptyScript(context.folder),
      ...await measureDaemon(`${context.folder}/${round}.sock`),
    });
  }
  return [
    {
      group: "memory",
      name: "resident, idle",
      ...compare(
        samples,
        ({ idle }) => idle / MIB,
        ({ script }) => script / MIB,
        "empty script",
      ),
      unit: "MiB",
      better: "lower",
    },
    {
      group: "memory",
      name: "resident, beyond an empty script",
      value: median(samples.map(({ idle, script }) => idle - script)) / MIB,
      unit: "MiB",
      better: "lower",
      target: { of: "value", atMost: 13.5 },
    },
    {
      group: "memory",
      name: "resident, each held socket",
      value: median(samples.map(({ few, many }) => many - few)) /
        (MANY - FEW) / 1024,
      unit: "KiB",
      better: "lower",
      target: { of: "value", atMost: 1.58 },
    },
  ];
}

/** Resident bytes of a script that waits, which is written to `folder`. */
export async function measureEmptyScript(folder: string): Promise<number> {
  const path = `${folder}/waits.ts`;
  await Deno.writeTextFile(path, "setTimeout(() => {}, 60_000);");
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", path],
  }).spawn();
  try {
    await settle();
    return await residentBytes(child.pid);
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
}

async function measureDaemon(socket: string): Promise<Omit<Sample, "script">> {
  await using daemon = await RunningServer.start(DAEMON, socket);
  await settle();
  const idle = await daemon.residentBytes();
  using session = await connect({ sock: socket });
  await holdSockets(session, 1, FEW);
  const few = await daemon.residentBytes();
  await holdSockets(session, FEW + 1, MANY);
  return { idle, few, many: await daemon.residentBytes() };
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SETTLE_TIME));
}
