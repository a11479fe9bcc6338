/**
 * How hostile clients and many held sockets affect a daemon:
 *
 *     deno run -A tools/with_jsr.ts run -A bench/hostile.ts [--rounds 7]
 *       [--seconds 1] [--binds 5000,10000]
 *
 * The first table is the latency of a bind of a well-behaved client: alone, and
 * among 500 clients that send nothing, 50 with an incomplete request, 50 that
 * never read an answer, and 10 that each send 20 descriptors of their own ten
 * times a second. The second table is the time of `list`, over a session and as
 * a command, with many held sockets. Needs cc.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { connect } from "../client.ts";
import { machineLine, thisMachine } from "./report/machine.ts";
import { compare } from "./report/row.ts";
import { formatNumber, textTable } from "./report/text_table.ts";
import { compile } from "./support/compile.ts";
import { holdSockets } from "./support/hold_sockets.ts";
import { HostileClients } from "./support/hostile_clients.ts";
import { type Load, type LoadReport, runLoad } from "./support/load.ts";
import { median, timed } from "./support/measure.ts";
import { measureRounds, type Rounds } from "./support/rounds.ts";
import { RunningServer } from "./support/running_server.ts";
import { DAEMON } from "./support/servers.ts";
import { treePath } from "./support/tree_path.ts";

const HOSTILE = { silent: 500, incomplete: 50, unread: 50, senders: 10 };
const HOSTILE_COUNT = Object.values(HOSTILE).reduce((sum, each) => sum + each);

/** A `list` over a session is short, so each round has several. */
const LISTS_PER_ROUND = 5;

/** @throws {Error} unless all hostile clients are connected. */
async function checkConnected(sock: string): Promise<void> {
  using session = await connect({ sock });
  const clients = (await session.status()).clients - 1;
  if (clients !== HOSTILE_COUNT) {
    throw new Error(`${clients} of ${HOSTILE_COUNT} clients are connected`);
  }
}

/** Rows of the first table. */
async function measureLatency(
  folder: string,
  rounds: Rounds,
  seconds: number,
): Promise<string[][]> {
  const program = await compile("load", folder);
  await using quiet = await RunningServer.start(DAEMON, `${folder}/q.sock`);
  await using attacked = await RunningServer.start(DAEMON, `${folder}/a.sock`);
  const run = ({ socket }: RunningServer, load: Load) =>
    runLoad(program, socket, load, rounds.signal);
  // Reconnected for each run: the daemon disconnects clients that do not
  // complete a request in 30 s.
  const runAmongHostile = async (load: Load): Promise<LoadReport> => {
    using _clients = await HostileClients.connect(attacked.socket, HOSTILE);
    await checkConnected(attacked.socket);
    const report = await run(attacked, load);
    await checkConnected(attacked.socket);
    return report;
  };
  const rows: string[][] = [];
  for (const persistent of [false, true]) {
    const load = { clients: 1, seconds, persistent };
    const taken = await measureRounds(rounds, {
      quiet: () => run(quiet, load),
      attacked: () => runAmongHostile(load),
    });
    for (const which of ["p50_us", "p99_us"] as const) {
      const { value, comparedWith, ratio } = compare(
        taken,
        ({ attacked }) => attacked[which],
        ({ quiet }) => quiet[which],
        "quiet",
      );
      rows.push([
        persistent ? "persistent connection" : "a connection for each bind",
        which.replace("_us", ""),
        formatNumber(comparedWith.value),
        formatNumber(value),
        formatNumber(ratio, 2),
      ]);
    }
  }
  return rows;
}

async function listCommand(sock: string): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "-P=daemon", treePath("client.ts"), "list"],
    env: { MULTIBINDER_SOCK: sock, NO_COLOR: "1" },
  }).output();
  if (!success || stdout.length === 0) {
    throw new Error(new TextDecoder().decode(stderr));
  }
}

/** One row of the second table. */
async function measureList(
  sock: string,
  sockets: number,
  rounds: Rounds,
): Promise<string[]> {
  await using _server = await RunningServer.start(DAEMON, sock);
  using session = await connect({ sock });
  await holdSockets(session, 1, sockets);
  const list = async () => {
    const { length } = await session.list();
    if (length !== sockets) throw new Error(`${length} sockets are listed`);
  };
  const taken = await measureRounds(rounds, {
    session: async () => {
      const times: number[] = [];
      for (let turn = 0; turn < LISTS_PER_ROUND; turn++) {
        times.push(await timed(list));
      }
      return times;
    },
    command: async () => [await timed(() => listCommand(sock))],
  });
  const times = taken.flatMap((round) => round.session);
  return [
    formatNumber(sockets),
    formatNumber(median(times), 1),
    formatNumber(Math.max(...times), 1),
    formatNumber(median(taken.flatMap(({ command }) => command)), 1),
  ];
}

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    seconds: { type: "string", default: "1" },
    binds: { type: "string", default: "5000,10000" },
  },
});
const seconds = Number(values.seconds);
const rounds: Rounds = {
  rounds: Number(values.rounds),
  signal: new AbortController().signal,
};
const folder = await Deno.makeTempDir({ prefix: "multibinder-bench-" });
try {
  const latency = await measureLatency(folder, rounds, seconds);
  const lists: string[][] = [];
  for (const sockets of values.binds.split(",").map(Number)) {
    lists.push(await measureList(`${folder}/${sockets}.sock`, sockets, rounds));
  }
  console.log(machineLine(await thisMachine()));
  console.log(`median of ${rounds.rounds} interleaved rounds\n`);
  console.log(textTable([
    { heading: "well-behaved client" },
    { heading: "bind" },
    { heading: "alone us", align: "right" },
    { heading: `among ${HOSTILE_COUNT} us`, align: "right" },
    { heading: "ratio", align: "right" },
  ], latency));
  console.log();
  console.log(textTable([
    { heading: "sockets held", align: "right" },
    { heading: "list ms", align: "right" },
    { heading: "slowest ms", align: "right" },
    { heading: "command ms", align: "right" },
  ], lists));
} finally {
  await Deno.remove(folder, { recursive: true });
}
