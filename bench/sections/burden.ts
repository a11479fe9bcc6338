/**
 * The latency of a bind, and the re-exec gap, of a daemon with many held
 * sockets or many idle clients.
 *
 * @module
 */
import { connect } from "../../client.ts";
import { compare, type Row } from "../report/row.ts";
import { compile } from "../support/compile.ts";
import { holdSockets } from "../support/hold_sockets.ts";
import { runLoad } from "../support/load.ts";
import { reexecGap } from "../support/reexec_gap.ts";
import { measureRounds } from "../support/rounds.ts";
import { RunningServer } from "../support/running_server.ts";
import { DAEMON } from "../support/servers.ts";
import type { Context } from "./section.ts";

const SOCKETS = 10_000;
const CLIENTS = 5_000;

/** The compared daemons, as the rows name them. */
const NAMES = {
  light: "1 held socket",
  sockets: `${SOCKETS.toLocaleString("en-US")} held sockets`,
  clients: `${CLIENTS.toLocaleString("en-US")} idle clients`,
} as const;

type Heavy = Exclude<keyof typeof NAMES, "light">;

/** Compares both daemons with one that holds one socket. */
export async function burden(context: Context): Promise<Row[]> {
  const { folder, seconds, signal } = context;
  const load = await compile("load", folder);
  await using stack = new AsyncDisposableStack();
  const start = async (name: keyof typeof NAMES) =>
    stack.use(await RunningServer.start(DAEMON, `${folder}/${name}.sock`));
  const daemons = {
    light: await start("light"),
    sockets: await start("sockets"),
    clients: await start("clients"),
  };
  using session = await connect({ sock: daemons.sockets.socket });
  await holdSockets(session, 1, SOCKETS);
  using _clients = await connectIdle(daemons.clients.socket, CLIENTS);

  const run = ({ socket }: RunningServer) => () =>
    runLoad(load, socket, { clients: 1, seconds }, signal);
  const latencies = await measureRounds(context, {
    light: run(daemons.light),
    sockets: run(daemons.sockets),
    clients: run(daemons.clients),
  });
  // Last, because a new generation has not compiled its hot functions.
  const gaps = await measureRounds(context, {
    light: () => reexecGap(daemons.light),
    sockets: () => reexecGap(daemons.sockets),
    clients: () => reexecGap(daemons.clients),
  });

  const latencyRow = (which: "p50" | "p99", heavy: Heavy): Row => ({
    group: "burden",
    name: `${which} of a bind, ${NAMES[heavy]}`,
    ...compare(
      latencies,
      (round) => round[heavy][`${which}_us`],
      ({ light }) => light[`${which}_us`],
      NAMES.light,
    ),
    unit: "us",
    better: "lower",
    noise: which === "p99" ? 2 : 1,
    target: { of: "ratio", atMost: 1.2 },
  });
  const gapRow = (heavy: Heavy): Row => ({
    group: "burden",
    name: `re-exec gap, ${NAMES[heavy]}`,
    ...compare(
      gaps,
      (round) => round[heavy],
      ({ light }) => light,
      NAMES.light,
    ),
    unit: "ms",
    better: "lower",
  });
  return (["sockets", "clients"] as const).flatMap((heavy) => [
    latencyRow("p50", heavy),
    latencyRow("p99", heavy),
    gapRow(heavy),
  ]);
}

/** Connects clients that send nothing, and waits until all are accepted. */
async function connectIdle(path: string, count: number) {
  using stack = new DisposableStack();
  for (let number = 0; number < count; number++) {
    stack.use(await Deno.connect({ transport: "unix", path }));
  }
  using session = await connect({ sock: path });
  while ((await session.status()).clients < count + 1);
  return stack.move();
}
