/**
 * How connections that stay open spread over the workers of a service, and what
 * that does to its clients: with one socket for all workers, with a socket for
 * each (`run --workers`), and with reusePort of Deno, without any daemon.
 *
 * @module
 */
import { compare } from "../report/row.ts";
import { formatNumber } from "../report/text_table.ts";
import { HttpServiceProcess } from "../support/http_service_process.ts";
import { isInstalled } from "../support/installed.ts";
import { median } from "../support/measure.ts";
import { measureRounds } from "../support/rounds.ts";
import { runWrk, type WrkReport } from "../support/wrk.ts";
import { wait } from "../support/http_clients.ts";
import { countConnections } from "./connections.ts";
import { type Context, figures, type Table } from "./part.ts";
import { httpService, RunProcess } from "./run_process.ts";

const COUNTS = [1, 2, 4] as const;
const KINDS = ["one socket", "shards", "Deno reusePort"] as const;
type Kind = typeof KINDS[number];

/** How often to look whether all connections are open, in ms. */
const INTERVAL = 50;

/** A service with several processes. */
interface Group {
  host: string;
  port: number;
  pids: readonly number[];
}

/** A load, and the connections of each process. */
interface Sample extends WrkReport {
  counts: readonly number[];
}

/**
 * Measures with wrk.
 *
 * @throws {Error} if wrk is not installed.
 */
export async function spread(context: Context): Promise<Table> {
  if (!await isInstalled("wrk")) {
    throw new Error("wrk is not installed: install it or omit spread");
  }
  await using groups = new AsyncDisposableStack();
  const cases: Record<string, () => Promise<Sample>> = {};
  for (const [index, workers] of COUNTS.entries()) {
    for (const [place, kind] of KINDS.entries()) {
      const host = `127.0.${index + 1}.${place + 1}`;
      const group = await startGroup(kind, workers, host, context.sock, groups);
      cases[`${kind} ${workers}`] = () => load(group, context);
    }
  }
  const rounds = await measureRounds(context, cases);
  return {
    columns: [
      figures("workers"),
      { heading: "sockets" },
      ...["least", "most", "requests/s", "ratio", "p50 ms"].map(figures),
      ...["p99 ms", "ratio"].map(figures),
    ],
    rows: COUNTS.flatMap((workers) =>
      KINDS.map((kind) => [
        formatNumber(workers),
        kind,
        ...cellsOf(
          rounds.map((round) => round[`${kind} ${workers}`]!),
          rounds.map((round) => round[`${KINDS[0]} ${workers}`]!),
        ),
      ])
    ),
  };
}

/** The figures of a kind; its ratios are to the first kind in the same round. */
function cellsOf(samples: readonly Sample[], first: readonly Sample[]) {
  const pairs = samples.map((sample, round) =>
    [sample, first[round]!] as const
  );
  const compared = (figure: "requests_per_second" | "p99_ms") =>
    compare(pairs, ([ours]) => ours[figure], ([, its]) => its[figure], "");
  const share = (pick: (...counts: number[]) => number) =>
    `${formatNumber(median(samples.map((each) => shareOf(each, pick))))}%`;
  const [rate, p99] = [compared("requests_per_second"), compared("p99_ms")];
  return [
    ...[share(Math.min), share(Math.max)],
    ...[formatNumber(rate.value), formatNumber(rate.ratio, 2)],
    formatNumber(median(samples.map(({ p50_ms }) => p50_ms)), 1),
    ...[formatNumber(p99.value, 1), formatNumber(p99.ratio, 2)],
  ];
}

/** The share of a process in all connections, in percent. */
function shareOf(
  { counts }: Sample,
  pick: (...counts: number[]) => number,
): number {
  return pick(...counts) / counts.reduce((sum, each) => sum + each, 0) * 100;
}

/** Starts the processes of a service, which `stack` will end. */
async function startGroup(
  kind: Kind,
  workers: number,
  host: string,
  sock: string,
  stack: AsyncDisposableStack,
): Promise<Group> {
  if (kind === "shards") {
    const options = { sock, workers, host, ...httpService("--work") };
    const run = stack.use(await RunProcess.start(options));
    return { host, port: await run.port(), pids: run.workers };
  }
  const processes: HttpServiceProcess[] = [];
  for (let index = 0; index < workers; index++) {
    const service = await (kind === "one socket"
      // Port 0 of a host is one bind: all get the same socket.
      ? HttpServiceProcess.start("shared", host, sock, { args: ["--work"] })
      : HttpServiceProcess.start("reuse-port", host, sock, {
        args: ["--work", `--port=${processes[0]?.port ?? 0}`],
      }));
    processes.push(stack.use(service));
  }
  return {
    host,
    port: processes[0]!.port,
    pids: processes.map(({ pid }) => pid),
  };
}

async function load(
  group: Group,
  { seconds, connections, signal }: Context,
): Promise<Sample> {
  const url = `http://${group.host}:${group.port}/`;
  const [report, counts] = await Promise.all([
    runWrk(url, { connections, seconds, pause: 0 }, signal),
    countWhenOpen(group, connections, seconds * 1000),
  ]);
  if (report.errors === 0) return { ...report, counts };
  throw new Error(`${report.errors} requests to ${url} failed`);
}

/** Waits until all connections are accepted. */
async function countWhenOpen(
  { port, pids }: Group,
  connections: number,
  limit: number,
): Promise<number[]> {
  const begin = performance.now();
  for (;;) {
    await wait(INTERVAL);
    const counts = countConnections(port, pids);
    const open = counts.reduce((sum, each) => sum + each, 0);
    if (open === connections) return counts;
    if (performance.now() - begin >= limit) {
      throw new Error(`${open} of ${connections} connections are open`);
    }
  }
}
