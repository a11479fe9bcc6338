/**
 * What a reload, a growth and a shrinking of a service with four workers do to
 * its clients, which make a connection for each request.
 *
 * @module
 */
import { formatNumber } from "../report/text_table.ts";
import {
  type ClientLoad,
  requestDuring,
  type Requests,
  wait,
} from "../support/http_clients.ts";
import { HttpServiceProcess } from "../support/http_service_process.ts";
import { median, percentile, timed } from "../support/measure.ts";
import { measureRounds } from "../support/rounds.ts";
import { type Context, figures, type Table } from "./part.ts";
import { httpService, RunProcess } from "./run_process.ts";

const MANY = [0, 1, 2, 3];
const FEW = 2;

const HOST = "127.0.0.8";

/**
 * The clients leave processor time to the processes that start: else the figures
 * would show the scheduler.
 */
const LOAD = { clients: 8, pause: 5 };

/** The load goes on for this time after a change: new processes are slow. In ms. */
const TAIL = 500;

/** A change under load. */
interface Sample extends Requests {
  /** How long the change took, in ms. */
  duration: number;
}

/** Measures all changes. */
export async function changes(context: Context): Promise<Table> {
  const { sock, seconds } = context;
  const options = { sock, workers: MANY.length, host: HOST, ...httpService() };
  await using run = await RunProcess.start(options);
  const load = { hostname: HOST, port: await run.port(), ...LOAD };
  const rounds = await measureRounds<string, Record<string, Sample>>(context, {
    "no change": async () => ({
      "no change": await during(load, () => wait(seconds * 1000)),
    }),
    starts: async () => ({
      "4 other starts": await during(load, () => startOthers(sock)),
    }),
    reload: async () => ({ reload: await during(load, () => reload(run)) }),
    resize: async () => ({
      "4 to 2 workers": await during(load, () => shrink(run)),
      "2 to 4 workers": await during(load, () => grow(run)),
    }),
  });
  const taken = rounds.map((round) =>
    Object.assign({}, ...Object.values(round)) as Record<string, Sample>
  );
  const names = [
    ...["no change", "4 other starts"],
    ...["reload", "2 to 4 workers", "4 to 2 workers"],
  ];
  return {
    columns: [
      { heading: "under load" },
      ...["takes ms", "requests", "p50 ms", "p99 ms"].map(figures),
      ...["ratio", "longest ms", "lost"].map(figures),
    ],
    rows: names.map((name) => [
      name,
      ...cellsOf(
        taken.map((round) => round[name]!),
        taken.map((round) => round[names[0]!]!),
      ),
    ]),
  };
}

/** The figures of a change; its ratio is to no change in the same round. */
function cellsOf(samples: readonly Sample[], quiet: readonly Sample[]) {
  const p99 = ({ latencies }: Sample) => percentile(latencies, 0.99);
  const middle = (figure: (sample: Sample) => number, digits = 0) =>
    formatNumber(median(samples.map(figure)), digits);
  const ratios = samples.map((each, round) => p99(each) / p99(quiet[round]!));
  return [
    middle(({ duration }) => duration),
    middle(({ latencies }) => latencies.length),
    middle(({ latencies }) => percentile(latencies, 0.5), 2),
    middle(p99, 2),
    formatNumber(median(ratios), 2),
    middle(({ latencies }) => Math.max(...latencies), 1),
    formatNumber(samples.reduce((sum, { lost }) => sum + lost, 0)),
  ];
}

async function during(
  load: ClientLoad,
  change: () => Promise<void>,
): Promise<Sample> {
  let duration = 0;
  const requests = await requestDuring(load, async () => {
    duration = await timed(change);
    await wait(TAIL);
  });
  return { ...requests, duration };
}

/**
 * What a reload costs in processor time, without any effect on the service: as
 * many processes are started and ended.
 */
async function startOthers(sock: string): Promise<void> {
  for (const _ of MANY) {
    await using _other = await HttpServiceProcess.start("plain", HOST, sock);
  }
}

/** Until the old processes have ended. */
async function reload(run: RunProcess): Promise<void> {
  const from = run.logLength;
  run.signal("SIGHUP");
  await run.untilLogged(
    from,
    MANY.flatMap((index) => [
      new RegExp(`worker ${index}: generation \\d+: ready`),
      new RegExp(`worker ${index}: generation \\d+: process \\d+ ended`),
    ]),
  );
}

/** Until the new workers get connections. */
async function grow(run: RunProcess): Promise<void> {
  const from = run.logLength;
  for (let count = FEW + 1; count <= MANY.length; count++) {
    run.signal("SIGTTIN");
    await run.untilLogged(from, [new RegExp(`: ${count} workers`)]);
  }
}

/** Until the sockets of the workers are released. */
async function shrink(run: RunProcess): Promise<void> {
  const from = run.logLength;
  for (let count = MANY.length - 1; count >= FEW; count--) {
    run.signal("SIGTTOU");
    await run.untilLogged(from, [new RegExp(`: ${count} workers`)]);
  }
  const removed = MANY.slice(FEW).map((index) => `worker ${index}: removed`);
  await run.untilLogged(from, removed.map((line) => new RegExp(line)));
}
