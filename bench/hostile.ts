/**
 * What a daemon is like in bad company and with much to hold:
 *
 *     deno run -A tools/with_jsr.ts run -A bench/hostile.ts [--rounds 7]
 *       [--seconds 1] [--binds 5000,10000]
 *
 * First table: how long a well-behaved client waits for a bind, with nobody
 * else there, and among 500 clients that say nothing, 50 in the middle of a
 * request, 50 that never read their answers, and 10 that each send 20
 * descriptors of their own ten times a second. Two daemons, measured in turn
 * in each round; the crowd is gathered anew for each, for the daemon drops
 * whoever takes 30 s over a request. Figures are medians of the rounds, a ratio
 * is the median of the ratios within a round. Needs cc.
 *
 * Second table: with many sockets held, how long `list` takes over a session
 * and as a command, and what a held socket takes of memory: VmRSS beyond that
 * of a daemon that was only started, in the same round.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { connect } from "../client.ts";
import { Crowd, type CrowdSize } from "./crowd.ts";
import { hold } from "./held_sockets.ts";
import { type Load, loadName, type LoadReport, runLoad } from "./load.ts";
import { machineLine, thisMachine } from "./machine.ts";
import { median } from "./measure.ts";
import {
  compile,
  RunningServer,
  type ServerProgram,
  treePath,
} from "./programs.ts";
import { serverPrograms } from "./servers.ts";
import { timed } from "./timed.ts";
import { figure, table } from "./table.ts";

const CROWD: CrowdSize = {
  silent: 500,
  halfSent: 50,
  unread: 50,
  senders: 10,
};
const CROWD_COUNT = Object.values(CROWD).reduce((sum, each) => sum + each);

const LOADS: readonly Load[] = [
  { clients: 1, persistent: false },
  { clients: 1, persistent: true },
];

/** Seconds of load before the first round, so that no JIT compiles in a figure. */
const WARM_UP_SECONDS = 1;

/** A `list` over a session is short: each round asks so often. */
const LISTS_A_ROUND = 5;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    seconds: { type: "string", default: "1" },
    binds: { type: "string", default: "5000,10000" },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const sizes = values.binds.split(",").map(Number);

/** One load in one round. */
interface Pair {
  quiet: LoadReport;
  crowded: LoadReport;
}

/** Throws unless the whole crowd is still there: else nothing was measured. */
async function checkCrowd(sock: string): Promise<void> {
  using session = await connect({ sock });
  const { clients } = await session.status();
  if (clients !== CROWD_COUNT + 1) {
    throw new Error(`${clients - 1} of ${CROWD_COUNT} are there`);
  }
}

/** What the well-behaved client waited, by load. */
async function measureLatency(
  program: ServerProgram,
  folder: string,
): Promise<Map<Load, Pair[]>> {
  const loadProgram = await compile("load", folder);
  await using quiet = await RunningServer.start(program, `${folder}/q.sock`);
  await using crowded = await RunningServer.start(program, `${folder}/c.sock`);
  const run = async ({ socket }: RunningServer, load: Load, length: number) => {
    const { signal } = new AbortController();
    const report = await runLoad(loadProgram, socket, load, length, signal);
    if (report.errors > 0) throw new Error(report.first_error ?? "errors");
    return report;
  };
  const runAmongCrowd = async (load: Load) => {
    using _crowd = await Crowd.gather(crowded.socket, CROWD);
    await checkCrowd(crowded.socket);
    const report = await run(crowded, load, seconds);
    await checkCrowd(crowded.socket);
    return report;
  };
  const pairs = new Map<Load, Pair[]>(LOADS.map((load) => [load, []]));
  for (const server of [quiet, crowded]) {
    for (const load of LOADS) await run(server, load, WARM_UP_SECONDS);
  }
  for (let round = 0; round < rounds; round++) {
    for (const load of LOADS) {
      const crowdFirst = round % 2 === 1;
      const before = crowdFirst ? await runAmongCrowd(load) : undefined;
      const alone = await run(quiet, load, seconds);
      const among = before ?? await runAmongCrowd(load);
      pairs.get(load)?.push({ quiet: alone, crowded: among });
    }
  }
  return pairs;
}

function latencyRows(pairs: Map<Load, Pair[]>): string[][] {
  return [...pairs].flatMap(([load, taken]) =>
    (["p50_us", "p99_us"] as const).map((which) => [
      `${load.persistent ? "" : "new connection each, "}${loadName(load)}`,
      which.replace("_us", ""),
      figure(median(taken.map(({ quiet }) => quiet[which]))),
      figure(median(taken.map(({ crowded }) => crowded[which]))),
      figure(
        median(
          taken.map(({ quiet, crowded }) => crowded[which] / quiet[which]),
        ),
        2,
      ),
    ])
  );
}

/** What one daemon with many sockets is like. */
interface Held {
  size: number;
  session: number[];
  command: number[];
  bytesPerBind: number[];
}

async function listCommand(sock: string, libc: string): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", libc, treePath("client.ts"), "list"],
    env: { MULTIBINDER_SOCK: sock, NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (!success || stdout.length === 0) {
    throw new Error(new TextDecoder().decode(stderr));
  }
}

async function measureHeld(
  program: ServerProgram,
  folder: string,
): Promise<Held[]> {
  const libc = program.args("").find((each) => each.startsWith("--allow-ffi="));
  const results = sizes.map((size): Held => {
    return { size, session: [], command: [], bytesPerBind: [] };
  });
  for (let round = 0; round < rounds; round++) {
    await using idle = await RunningServer.start(program, `${folder}/i.sock`);
    for (const held of results) {
      const sock = `${folder}/${held.size}.sock`;
      await using server = await RunningServer.start(program, sock);
      using session = await connect({ sock });
      await hold(session, held.size);
      const more = await server.residentBytes() - await idle.residentBytes();
      held.bytesPerBind.push(more / held.size);
      for (let turn = 0; turn < LISTS_A_ROUND; turn++) {
        held.session.push(
          await timed(async () => {
            const { length } = await session.list();
            if (length !== held.size) throw new Error(`${length} listed`);
          }),
        );
      }
      held.command.push(await timed(() => listCommand(sock, libc ?? "-A")));
    }
  }
  return results;
}

const folder = await Deno.makeTempDir({ prefix: "multibinder-bench-" });
try {
  const [program] = await serverPrograms(["daemon"], folder);
  const pairs = await measureLatency(program!, folder);
  const held = await measureHeld(program!, folder);
  console.log(machineLine(await thisMachine()));
  console.log(`median of ${rounds} interleaved rounds of ${seconds} s\n`);
  console.log(table([
    { heading: "well-behaved clients" },
    { heading: "bind" },
    { heading: "quiet us", align: "right" },
    { heading: `among ${CROWD_COUNT} us`, align: "right" },
    { heading: "ratio", align: "right" },
  ], latencyRows(pairs)));
  console.log();
  console.log(table(
    [
      { heading: "sockets held", align: "right" },
      { heading: "list ms", align: "right" },
      { heading: "slowest ms", align: "right" },
      { heading: "command ms", align: "right" },
      { heading: "KiB a bind", align: "right" },
    ],
    held.map(({ size, session, command, bytesPerBind }) => [
      figure(size),
      figure(median(session), 1),
      figure(Math.max(...session), 1),
      figure(median(command), 1),
      figure(median(bytesPerBind) / 1024, 2),
    ]),
  ));
} finally {
  await Deno.remove(folder, { recursive: true });
}
