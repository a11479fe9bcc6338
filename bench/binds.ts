/**
 * Binds per second: the daemon beside a C program that only answers (the floor)
 * and beside a Ruby server that speaks the same protocol.
 *
 *     deno run -A bench/binds.ts [--seconds 1] [--rounds 5] [--clients 1,32]
 *       [--persistent] [--only floor,daemon,daemon-info,ruby] [--json]
 *
 * All servers are up from the start and idle but the one that is measured. The
 * rounds are interleaved, each in another order, so that what else the machine
 * does meets all of them; a figure is the median of the rounds, a ratio the
 * median of the ratios within a round. Needs cc; Ruby where it is installed.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type Load, loadName, type LoadReport, runLoad } from "./load.ts";
import { type Machine, machineLine, thisMachine } from "./machine.ts";
import { median, sum } from "./measure.ts";
import { compile, RunningServer, type ServerProgram } from "./programs.ts";
import { SERVER_KEYS, type ServerKey, serverPrograms } from "./servers.ts";
import { figure, table } from "./table.ts";

const USAGE = `usage: deno run -A bench/binds.ts [--seconds S] [--rounds N]
  [--clients N,...] [--persistent] [--only ${SERVER_KEYS.join(",")}] [--json]`;

/** Seconds of load before the first round, so that no JIT compiles in a figure. */
const WARM_UP_SECONDS = 0.5;

/** What is measured, and how. */
export interface Options {
  seconds: number;
  rounds: number;
  loads: Load[];
  servers: ServerKey[];
  json: boolean;
}

/** What one server did under one load in one round. */
interface Sample extends LoadReport {
  /** What the floor did in the same round. */
  floor: LoadReport | undefined;
  /** Processor time the server used for a bind, in microseconds. */
  cpu_us_per_bind: number;
}

/** What one server does under one load. */
export interface Result extends Load {
  server: string;
  key: ServerKey;
  binds_per_second: number;
  /** Binds per second, and latencies, as shares of the floor's. */
  of_floor: number | null;
  p50_of_floor: number | null;
  p99_of_floor: number | null;
  p999_of_floor: number | null;
  p50_us: number;
  p99_us: number;
  p999_us: number;
  cpu_us_per_bind: number;
  errors: number;
  first_error: string | null;
}

class UsageError extends Error {}

function readOptions(args: string[]): Options {
  const { values } = readArguments(args);
  const clients = values.clients.split(",").map((text) => positive(text));
  const kinds = values.persistent ? [false, true] : [false];
  return {
    seconds: positive(values.seconds),
    rounds: Math.ceil(positive(values.rounds)),
    loads: kinds.flatMap((persistent) =>
      clients.map((count) => ({ clients: Math.ceil(count), persistent }))
    ),
    servers: values.only.split(",").map(serverKey),
    json: values.json,
  };
}

function readArguments(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        seconds: { type: "string", default: "1" },
        rounds: { type: "string", default: "5" },
        clients: { type: "string", default: "1,32" },
        persistent: { type: "boolean", default: false },
        only: { type: "string", default: SERVER_KEYS.join(",") },
        json: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : "");
  }
}

function positive(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new UsageError(`not a number above 0: ${text}`);
}

function serverKey(text: string): ServerKey {
  const key = SERVER_KEYS.find((each) => each === text);
  if (key !== undefined) return key;
  throw new UsageError(`no such server: ${text}`);
}

/** Runs every round and returns one result for each load and server. */
export async function measure(
  options: Omit<Options, "json">,
  signal: AbortSignal,
): Promise<Result[]> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "multibinder-bench-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));

  const loadProgram = await compile("load", folder);
  const servers: RunningServer[] = [];
  for (const program of await serverPrograms(options.servers, folder)) {
    const socket = `${folder}/${servers.length}.sock`;
    servers.push(stack.use(await RunningServer.start(program, socket)));
    signal.throwIfAborted();
  }

  const run = async (server: RunningServer, load: Load, seconds: number) => {
    const before = await server.cpuSeconds();
    const report = await runLoad(
      loadProgram,
      server.socket,
      load,
      seconds,
      signal,
    );
    const used = await server.cpuSeconds() - before;
    return {
      ...report,
      floor: undefined,
      cpu_us_per_bind: used * 1e6 / report.binds,
    };
  };

  for (const server of servers) {
    for (const load of options.loads) await run(server, load, WARM_UP_SECONDS);
  }
  const samples = new Map<Load, Map<RunningServer, Sample[]>>();
  for (const load of options.loads) {
    samples.set(load, new Map(servers.map((server) => [server, []])));
  }
  for (let round = 0; round < options.rounds; round++) {
    const turn = round % servers.length;
    const order = [...servers.slice(turn), ...servers.slice(0, turn)];
    for (const load of options.loads) {
      const taken = new Map<RunningServer, Sample>();
      for (const server of order) {
        taken.set(server, await run(server, load, options.seconds));
      }
      const floor = [...taken].find(([server]) =>
        server.program.key === "floor"
      )?.[1];
      for (const [server, sample] of taken) {
        sample.floor = floor;
        samples.get(load)?.get(server)?.push(sample);
      }
    }
  }
  return [...samples].flatMap(([load, byServer]) =>
    [...byServer].map(([server, taken]) =>
      resultOf(load, server.program, taken)
    )
  );
}

function resultOf(
  load: Load,
  { key, name }: ServerProgram,
  samples: Sample[],
): Result {
  const middle = (value: (sample: Sample) => number) =>
    median(samples.map(value));
  const ofFloor = (value: (report: LoadReport) => number) => {
    const ratios = samples.flatMap((sample) =>
      sample.floor === undefined ? [] : value(sample) / value(sample.floor)
    );
    return ratios.length > 0 ? median(ratios) : null;
  };
  return {
    ...load,
    server: name,
    key,
    binds_per_second: middle((sample) => sample.binds_per_second),
    of_floor: ofFloor((each) => each.binds_per_second),
    p50_us: middle((sample) => sample.p50_us),
    p50_of_floor: ofFloor((each) => each.p50_us),
    p99_us: middle((sample) => sample.p99_us),
    p99_of_floor: ofFloor((each) => each.p99_us),
    p999_us: middle((sample) => sample.p999_us),
    p999_of_floor: ofFloor((each) => each.p999_us),
    cpu_us_per_bind: middle((sample) => sample.cpu_us_per_bind),
    errors: sum(samples.map((sample) => sample.errors)),
    first_error: samples.find((sample) => sample.first_error !== null)
      ?.first_error ?? null,
  };
}

function report(machine: Machine, options: Options, results: Result[]): string {
  const rows = results.flatMap((result, index) => {
    const before = results[index - 1];
    const name = loadName(result);
    const isFirst = before === undefined || loadName(before) !== name;
    const row = [
      isFirst ? name : "",
      result.server,
      figure(result.binds_per_second),
      result.of_floor === null ? "" : figure(result.of_floor, 2),
      figure(result.p50_us),
      figure(result.p99_us),
      figure(result.p999_us),
      figure(result.cpu_us_per_bind, 1),
      figure(result.errors),
    ];
    return isFirst && before !== undefined ? [[], row] : [row];
  });
  const errors = results.flatMap(({ server, first_error }) =>
    first_error === null ? [] : [`${server}: ${first_error}`]
  );
  return [
    machineLine(machine),
    `median of ${options.rounds} interleaved rounds of ${options.seconds} s; ` +
    "a new connection for each bind unless persistent",
    "",
    table([
      { heading: "clients" },
      { heading: "server" },
      { heading: "binds/s", align: "right" },
      { heading: "of floor", align: "right" },
      { heading: "p50 us", align: "right" },
      { heading: "p99 us", align: "right" },
      { heading: "p99.9 us", align: "right" },
      { heading: "cpu us/bind", align: "right" },
      { heading: "errors", align: "right" },
    ], rows),
    ...errors,
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
        ? JSON.stringify({
          machine,
          seconds: options.seconds,
          rounds: options.rounds,
          results,
        })
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
