/**
 * What many held sockets and many idle clients do to a bind, to a re-exec and
 * to memory.
 *
 * @module
 */
import { connect } from "../../client.ts";
import { raiseDescriptorLimit } from "../../ffi/processes/process.ts";
import { Crowd } from "../crowd.ts";
import { hold } from "../held_sockets.ts";
import { type LoadReport, runLoad } from "../load.ts";
import { median } from "../measure.ts";
import { compile, RunningServer } from "../programs.ts";
import { reexecGap } from "../reexec_gap.ts";
import { serverPrograms } from "../servers.ts";
import { type Context, interleaved } from "./context.ts";
import type { Row } from "./row.ts";

/** What a daemon has to carry. */
interface Burden {
  sockets: number;
  clients: number;
}

const LIGHT: Burden = { sockets: 1, clients: 0 };

const BURDENS: readonly Burden[] = [
  LIGHT,
  ...[100, 1_000, 10_000].map((sockets) => ({ sockets, clients: 0 })),
  ...[1_000, 5_000].map((clients) => ({ sockets: 1, clients })),
];

/** For which the issue names a limit. */
const HEAVIEST = [
  { sockets: 10_000, clients: 0 },
  { sockets: 1, clients: 5_000 },
] as const satisfies Burden[];

const LOAD = { clients: 1, persistent: false };

/** Seconds of load before the first round. */
const WARM_UP_SECONDS = 0.5;

const GROUP = "burden";

/** A daemon under its burden, and what was measured of it. */
interface Case {
  burden: Burden;
  server: RunningServer;
  /** Once it carried all, in bytes. */
  resident: number;
  /** JavaScript's part of it that is in use. */
  heap: number;
  reports: LoadReport[];
  gaps: number[];
}

function named({ sockets, clients }: Burden): string {
  return clients > 0
    ? `${clients.toLocaleString("en-US")} idle clients`
    : `${sockets.toLocaleString("en-US")} held`;
}

function isSame(one: Burden, other: Burden): boolean {
  return one.sockets === other.sockets && one.clients === other.clients;
}

/** Latency, gap and memory under each burden. */
export async function burden(context: Context): Promise<Row[]> {
  raiseDescriptorLimit();
  const { folder, signal, seconds } = context;
  const load = await compile("load", folder);
  const [program] = await serverPrograms(["daemon"], folder);
  await using stack = new AsyncDisposableStack();
  const cases: Case[] = [];
  for (const burden of BURDENS) {
    signal.throwIfAborted();
    const sock = `${folder}/burden-${cases.length}.sock`;
    const server = stack.use(await RunningServer.start(program!, sock));
    await runLoad(load, sock, LOAD, WARM_UP_SECONDS, signal);
    using session = await connect({ sock });
    await hold(session, burden.sockets);
    stack.use(
      await Crowd.gather(sock, {
        silent: burden.clients,
        halfSent: 0,
        unread: 0,
        senders: 0,
      }),
    );
    await arrived(sock, burden);
    const resident = await server.residentBytes();
    const heap = await heapInUse(sock);
    cases.push({ burden, server, resident, heap, reports: [], gaps: [] });
  }
  await interleaved(context, cases, async ({ server, reports }) => {
    reports.push(await runLoad(load, server.socket, LOAD, seconds, signal));
  });
  // A new generation has its code to compile yet: the gaps come last.
  await interleaved(context, cases, async ({ server, gaps }) => {
    gaps.push(await reexecGap(server));
  });
  const light = cases[0]!;
  return [
    ...cases.flatMap((each) => latencyRows(each, light)),
    ...cases.map((each) => gapRow(each, light)),
    ...memoryRows(cases),
  ];
}

/** Waits until the daemon has taken in everybody. */
async function arrived(sock: string, { clients }: Burden): Promise<void> {
  using session = await connect({ sock });
  while ((await session.status()).clients < clients + 1);
}

/** So often a daemon is asked: garbage comes and goes in between. */
const HEAP_READINGS = 200;

/** The least of many readings is the one that has the least garbage in it. */
async function heapInUse(sock: string): Promise<number> {
  using session = await connect({ sock });
  let least = Infinity;
  for (let reading = 0; reading < HEAP_READINGS; reading++) {
    least = Math.min(least, (await session.status()).memory.heap);
  }
  return least;
}

function latencyRows(
  { burden, reports }: Case,
  { reports: lightReports }: Case,
): Row[] {
  return (["p50_us", "p99_us"] as const).map((which): Row => ({
    group: GROUP,
    name: `${which.replace("_us", "")} of a bind, ${named(burden)}`,
    value: median(reports.map((each) => each[which])),
    unit: "us",
    ...(burden !== LIGHT && {
      beside: {
        name: named(LIGHT),
        value: median(lightReports.map((each) => each[which])),
      },
      ratio: median(
        reports.map((each, round) => each[which] / lightReports[round]![which]),
      ),
    }),
    better: "lower",
    spread: which === "p99_us" ? 2 : 1,
    ...(HEAVIEST.some((each) => isSame(each, burden)) && {
      target: { of: "ratio", atMost: 1.2 },
    }),
  }));
}

function gapRow({ burden, gaps }: Case, { gaps: lightGaps }: Case): Row {
  return {
    group: GROUP,
    name: `re-exec gap, ${named(burden)}`,
    value: median(gaps),
    unit: "ms",
    ...(burden !== LIGHT && {
      beside: { name: named(LIGHT), value: median(lightGaps) },
      ratio: median(gaps.map((each, round) => each / lightGaps[round]!)),
    }),
    better: "lower",
  };
}

/** What one more costs, between a thousand and the most. */
function memoryRows(cases: readonly Case[]): Row[] {
  const of = (burden: Burden) =>
    cases.find((each) => isSame(each.burden, burden))!;
  const grown = (
    which: "resident" | "heap",
    from: Burden,
    to: Burden,
  ): Pick<Row, "group" | "value" | "unit" | "better"> => {
    const count = to.sockets - from.sockets + to.clients - from.clients;
    const value = (of(to)[which] - of(from)[which]) / count / 1024;
    return { group: "memory", value, unit: "KiB", better: "lower" };
  };
  const [sockets, clients] = HEAVIEST;
  const fewSockets = { sockets: 1_000, clients: 0 };
  const fewClients = { sockets: 1, clients: 1_000 };
  return [
    {
      name: "resident, a held socket, from 1,000 to 10,000",
      ...grown("resident", fewSockets, sockets),
      target: { of: "value", atMost: 1 },
    },
    {
      name: "heap in use, a held socket, from 1,000 to 10,000",
      ...grown("heap", fewSockets, sockets),
      target: { of: "value", atMost: 1 },
    },
    {
      name: "heap in use, an idle client, from 1,000 to 5,000",
      ...grown("heap", fewClients, clients),
    },
  ];
}
