/**
 * How a hostile user and many held sockets affect a daemon:
 *
 *     deno run -A tools/with_jsr.ts run -A bench/hostile.ts [--rounds 5]
 *       [--seconds 2] [--held 500] [--binds 5000,10000]
 *
 * The first table is the latency of a bind of a well-behaved client on a
 * connection that it keeps: alone, while another user does one act to another
 * daemon ("elsewhere": what the act costs by its use of the processors), and while
 * the act is done to this daemon. The acts are floods of connections, of batches
 * with `list`, of batches of which it reads no answer, of bytes of requests that
 * never end, of requests of 60 KB, and of requests that fail, each of which is a
 * line in the log. The second table is the time of `list`, over a session and as a
 * command. Needs cc, and root to be another user.
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
import { type LoadReport, runLoad } from "./support/load.ts";
import { median, timed } from "./support/measure.ts";
import { measureRounds, type Rounds } from "./support/rounds.ts";
import { RunningServer } from "./support/running_server.ts";
import { DAEMON } from "./support/servers.ts";
import { treePath } from "./support/tree_path.ts";

/** See bench/support/hostile_acts.ts. */
const ACTS = ["connections", "lists", "unread", "slow", "huge", "log"];

/** The target: others' p99 during each act, compared with a quiet daemon. */
const MOST = 1.5;

/** The hostile user. */
const BECOME = ["setpriv", "--reuid=1500", "--regid=1600", "--clear-groups"];

/** Time that an act goes on before the measurement, in ms: bursts are over then. */
const LEAD = 1_500;

/** A `list` over a session is short, so each round has several. */
const LISTS_PER_ROUND = 5;

/** Measures while another user does an act. */
async function during<T>(
  act: string,
  sock: string,
  folder: string,
  measure: () => Promise<T>,
): Promise<T> {
  const [command, ...args] = [
    ...Deno.uid() === 0 ? BECOME : ["env"],
    ...[Deno.execPath(), "run", "-A", "--no-config"],
    ...[treePath("bench/support/hostile_acts.ts"), sock, act],
  ];
  const child = new Deno.Command(command!, {
    args,
    env: { DENO_DIR: `${folder}/hostile` },
    stdout: "piped",
  }).spawn();
  try {
    const output = child.stdout.getReader();
    if ((await output.read()).done) throw new Error(`${act} did not begin`);
    await new Promise((resolve) => setTimeout(resolve, LEAD));
    return await measure();
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
}

/** Rows of the first table. */
async function measureLatency(
  folder: string,
  rounds: Rounds,
  seconds: number,
  held: number,
): Promise<string[][]> {
  const program = await compile("load", folder);
  const server = {
    ...DAEMON,
    command: [...DAEMON.command, "--mode", "0666"],
  };
  await Deno.chmod(folder, 0o755);
  await Deno.mkdir(`${folder}/hostile`);
  await Deno.chmod(`${folder}/hostile`, 0o777);
  const rows: string[][] = [];
  for (const act of ACTS) {
    const sock = `${folder}/${act}.sock`;
    await using _server = await RunningServer.start(server, sock);
    const otherSock = `${folder}/${act}-other.sock`;
    await using _other = await RunningServer.start(server, otherSock);
    {
      using session = await connect({ sock });
      await holdSockets(session, 1, held);
    }
    const load = { clients: 1, seconds, persistent: true };
    const run = (): Promise<LoadReport> =>
      runLoad(program, sock, load, rounds.signal);
    const taken = await measureRounds(rounds, {
      quiet: run,
      elsewhere: () => during(act, otherSock, folder, run),
      attacked: () => during(act, sock, folder, run),
    });
    const p99 = (sample: LoadReport) => sample.p99_us;
    const ratioTo = (before: "quiet" | "elsewhere") =>
      compare(
        taken,
        ({ attacked }) => p99(attacked),
        (round) => p99(round[before]),
        before,
      );
    const ofQuiet = ratioTo("quiet");
    const ofElsewhere = ratioTo("elsewhere");
    rows.push([
      act,
      formatNumber(median(taken.map(({ quiet }) => quiet.p50_us))),
      formatNumber(median(taken.map(({ attacked }) => attacked.p50_us))),
      formatNumber(ofQuiet.comparedWith.value),
      formatNumber(ofElsewhere.comparedWith.value),
      formatNumber(ofQuiet.value),
      formatNumber(ofElsewhere.ratio, 2),
      formatNumber(ofQuiet.ratio, 2),
      ofQuiet.ratio <= MOST ? "met" : "missed",
    ]);
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
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "2" },
    held: { type: "string", default: "500" },
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
  const latency = await measureLatency(
    folder,
    rounds,
    seconds,
    Number(values.held),
  );
  const lists: string[][] = [];
  for (const sockets of values.binds.split(",").map(Number)) {
    lists.push(await measureList(`${folder}/${sockets}.sock`, sockets, rounds));
  }
  console.log(machineLine(await thisMachine()));
  console.log(`median of ${rounds.rounds} interleaved rounds\n`);
  const right = (heading: string) => ({ heading, align: "right" as const });
  console.log(textTable([
    { heading: "act of another user" },
    ...["p50 quiet us", "p50 us", "p99 quiet us", "elsewhere us", "p99 us"]
      .map(right),
    ...["of elsewhere", "of quiet"].map(right),
    { heading: `target ${MOST}` },
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
