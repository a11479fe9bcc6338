/**
 * Requests per second on a shared socket beside plain Deno.serve, and what a
 * reload does to the latency.
 *
 *     deno run -A bench/serve.ts [--seconds 2] [--rounds 7] [--connections 32]
 *       [--rest 5] [--reload-every 1] [--json]
 *
 * The rounds are interleaved, each in another order, so that what else the
 * machine does meets all of them; a figure is the median of the rounds, a
 * ratio the median of the ratios within a round. Needs wrk.
 *
 * Throughput is measured with as many requests as the server takes, latency
 * with a rest of some ms between the requests of a connection: a server and a
 * load that use every core leave a program that starts none, and what was
 * measured then would be the scheduler. In a reload the next service is
 * started beside the old one, which then ends; what of the difference is due to
 * the start of any program is what the case with an unrelated one shows.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { HttpService, listeningSocket } from "./http_servers.ts";
import { type Machine, machineLine, thisMachine } from "./machine.ts";
import { median, sum } from "./measure.ts";
import { figure, table } from "./table.ts";
import { type HttpLoad, requireWrk, runWrk, type WrkReport } from "./wrk.ts";

const USAGE = `usage: deno run -A bench/serve.ts [--seconds S] [--rounds N]
  [--connections N] [--rest MS] [--reload-every S] [--json]`;

/** Seconds of load before the first round, so that no JIT compiles in a figure. */
const WARM_UP_SECONDS = 1;

/** How it is measured. */
export interface Options {
  seconds: number;
  rounds: number;
  connections: number;
  rest: number;
  reloadEvery: number;
  json: boolean;
}

/** What is measured in each round: what serves, and under which load. */
const CASES = {
  plain: { name: "plain Deno.serve", paced: false },
  adopted: { name: "binding.serve", paced: false },
  steady: { name: "binding.serve", paced: true },
  beside: { name: "same, another program starts", paced: true },
  reloaded: { name: "same, reloaded", paced: true },
} as const;

type Case = keyof typeof CASES;

interface Sample extends WrkReport {
  reloads: number;
}

/** What came of one case. */
export interface Result {
  key: Case;
  name: string;
  /** Whether connections rest between requests. */
  paced: boolean;
  requests_per_second: number;
  /** Of plain Deno.serve in the same round, under full load. */
  of_plain: number | null;
  p50_ms: number;
  p99_ms: number;
  /** Of the same without reloads in the same round, under paced load. */
  p99_of_steady: number | null;
  reloads: number;
  errors: number;
}

class UsageError extends Error {}

function readOptions(args: string[]): Options {
  const { values } = readArguments(args);
  return {
    seconds: positive(values.seconds),
    rounds: positive(values.rounds),
    connections: positive(values.connections),
    rest: positive(values.rest),
    reloadEvery: positive(values["reload-every"]),
    json: values.json,
  };
}

function readArguments(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        seconds: { type: "string", default: "2" },
        rounds: { type: "string", default: "7" },
        connections: { type: "string", default: "32" },
        rest: { type: "string", default: "5" },
        "reload-every": { type: "string", default: "1" },
        json: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : "");
  }
}

function positive(text: string): number {
  const value = Number(text);
  if (value >= 1 && Number.isInteger(value)) return value;
  throw new UsageError(`not a whole number above 0: ${text}`);
}

/** Runs every round and returns one result for each case. */
export async function measure(
  options: Omit<Options, "json">,
  signal: AbortSignal,
): Promise<Result[]> {
  await requireWrk();
  await using stack = new AsyncDisposableStack();
  const services = {
    plain: stack.use(await HttpService.start("plain")),
    adopted: stack.use(
      await HttpService.start("adopted", stack.use(listeningSocket())),
    ),
  };
  const { connections, seconds } = options;
  const loadOf = (name: Case) => ({
    connections,
    seconds,
    rest: CASES[name].paced ? options.rest : 0,
  });
  const run = async (name: Case): Promise<Sample> => {
    const load = loadOf(name);
    switch (name) {
      case "plain":
      case "adopted":
        return {
          ...await runWrk(services[name].url, load, signal),
          reloads: 0,
        };
      case "steady":
        return {
          ...await runWrk(services.adopted.url, load, signal),
          reloads: 0,
        };
      case "beside":
        return await during(
          options.reloadEvery,
          async () => await (await start())[Symbol.asyncDispose](),
          () => runWrk(services.adopted.url, load, signal),
        );
      case "reloaded":
        return await runReloaded(load, options.reloadEvery, signal);
    }
  };
  for (const { url } of Object.values(services)) {
    const load = { connections, seconds: WARM_UP_SECONDS, rest: 0 };
    await runWrk(url, load, signal);
  }
  const cases = Object.keys(CASES) as Case[];
  const rounds: Record<Case, Sample>[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const turn = round % cases.length;
    const taken: Partial<Record<Case, Sample>> = {};
    for (const name of [...cases.slice(turn), ...cases.slice(0, turn)]) {
      taken[name] = await run(name);
    }
    rounds.push(taken as Record<Case, Sample>);
  }
  return cases.map((name) => resultOf(name, rounds));

  /** A program that serves where nobody asks. */
  async function start(): Promise<HttpService> {
    using socket = listeningSocket();
    return await HttpService.start("adopted", socket);
  }
}

/** Measures while something is done every so many seconds, at half time first. */
async function during(
  every: number,
  action: () => Promise<void>,
  measured: () => Promise<WrkReport>,
): Promise<Sample> {
  let over = false;
  let reloads = 0;
  const half = () => new Promise((resolve) => setTimeout(resolve, every * 500));
  const acting = (async () => {
    while (true) {
      await half();
      if (over) return;
      await action();
      reloads++;
      await half();
    }
  })();
  try {
    return { ...await measured(), reloads };
  } finally {
    over = true;
    await acting;
  }
}

/** Load on a socket whose service is replaced again and again. */
async function runReloaded(
  load: HttpLoad,
  every: number,
  signal: AbortSignal,
): Promise<Sample> {
  using socket = listeningSocket();
  let service = await HttpService.start("adopted", socket);
  try {
    // As warm as the one that is not replaced.
    const warm = { ...load, rest: 0, seconds: WARM_UP_SECONDS };
    await runWrk(service.url, warm, signal);
    return await during(every, async () => {
      const old = service;
      service = await HttpService.start("adopted", socket);
      await old[Symbol.asyncDispose]();
    }, () => runWrk(service.url, load, signal));
  } finally {
    await service[Symbol.asyncDispose]();
  }
}

function resultOf(name: Case, rounds: Record<Case, Sample>[]): Result {
  const samples = rounds.map((round) => round[name]);
  const middle = (value: (sample: Sample) => number) =>
    median(samples.map(value));
  const { paced } = CASES[name];
  return {
    key: name,
    ...CASES[name],
    requests_per_second: middle((sample) => sample.requests_per_second),
    of_plain: paced ? null : median(
      rounds.map((round) =>
        round[name].requests_per_second / round.plain.requests_per_second
      ),
    ),
    p50_ms: middle((sample) => sample.p50_ms),
    p99_ms: middle((sample) => sample.p99_ms),
    p99_of_steady: paced
      ? median(rounds.map((round) => round[name].p99_ms / round.steady.p99_ms))
      : null,
    reloads: sum(samples.map((sample) => sample.reloads)),
    errors: sum(samples.map((sample) => sample.errors)),
  };
}

function report(machine: Machine, options: Options, results: Result[]): string {
  return [
    machineLine(machine),
    `median of ${options.rounds} interleaved rounds of ${options.seconds} s; ` +
    `${options.connections} connections`,
    "",
    table(
      [
        { heading: "load" },
        { heading: "server" },
        { heading: "requests/s", align: "right" },
        { heading: "of plain", align: "right" },
        { heading: "p50 ms", align: "right" },
        { heading: "p99 ms", align: "right" },
        { heading: "p99 of steady", align: "right" },
        { heading: "starts", align: "right" },
        { heading: "errors", align: "right" },
      ],
      results.flatMap((result, index) => {
        const isFirst = result.paced !== results[index - 1]?.paced;
        const row = [
          isFirst ? (result.paced ? `rests ${options.rest} ms` : "full") : "",
          result.name,
          figure(result.requests_per_second),
          result.of_plain === null ? "" : figure(result.of_plain, 2),
          figure(result.p50_ms, 2),
          figure(result.p99_ms, 2),
          result.p99_of_steady === null ? "" : figure(result.p99_of_steady, 2),
          result.reloads === 0 ? "" : figure(result.reloads),
          figure(result.errors),
        ];
        return isFirst && index > 0 ? [[], row] : [row];
      }),
    ),
  ].join("\n");
}

async function main(args: string[]): Promise<number> {
  const options = readOptions(args);
  const stop = new AbortController();
  const onSignal = () => stop.abort(new Error("stopped by a signal"));
  Deno.addSignalListener("SIGINT", onSignal);
  Deno.addSignalListener("SIGTERM", onSignal);
  try {
    const results = await measure(options, stop.signal);
    const machine = await thisMachine();
    console.log(
      options.json
        ? JSON.stringify({ machine, ...options, results })
        : report(machine, options, results),
    );
    return 0;
  } finally {
    Deno.removeSignalListener("SIGINT", onSignal);
    Deno.removeSignalListener("SIGTERM", onSignal);
  }
}

if (import.meta.main) {
  try {
    Deno.exitCode = await main(Deno.args);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    console.error(`bench: ${error.message}`);
    if (error instanceof UsageError) console.error(USAGE);
    Deno.exitCode = error instanceof UsageError ? 2 : 1;
  }
}
