/**
 * Binds per second and how long one takes, beside the C floor, and with few
 * clients beside the Ruby server.
 *
 * @module
 */
import { measure, type Result } from "../binds.ts";
import type { Load } from "../load.ts";
import { isInstalled } from "../programs.ts";
import type { Context } from "./context.ts";
import type { Row, Target } from "./row.ts";

const CLIENTS = [1, 8, 32, 128];

const FLOOR = "C floor";

/** The fewer binds a figure is of, the more it is the machine's. */
const SPREAD = { p50: 1, p99: 2, p999: 4 };

/** Binds per second of a daemon that logs each bind, as a share of the floor. */
const LOGGED_TARGET: Target = { of: "ratio", atLeast: 0.5 };

/** Every figure of binds. */
export async function binds(context: Context): Promise<Row[]> {
  const loads = [false, true].flatMap((persistent) =>
    CLIENTS.map((clients): Load => ({ clients, persistent }))
  );
  const results = await measure(
    { ...context, loads, servers: ["floor", "daemon"] },
    context.signal,
  );
  const loggedLoads = [...few(1), ...few(32)];
  const logged = await measure(
    { ...context, loads: loggedLoads, servers: ["floor", "daemon-info"] },
    context.signal,
  );
  return [
    ...loads.flatMap((load) => rowsOf(load, results)),
    ...loggedLoads.map((load) => loggedRow(load, logged)),
    ...await besideRuby(context),
  ];
}

/** The default log level writes a line for each bind. */
function loggedRow(load: Load, results: readonly Result[]): Row {
  const [row] = rowsOf(load, results, ", each logged");
  return { ...row, target: LOGGED_TARGET };
}

function few(clients: number): Load[] {
  return [{ clients, persistent: false }];
}

function named({ clients, persistent }: Load): string {
  const who = clients === 1 ? "1 client" : `${clients} clients`;
  return persistent ? `${who}, persistent` : who;
}

function rowsOf(
  load: Load,
  results: readonly Result[],
  how = "",
): [Row, ...Row[]] {
  const of = (isFloor: boolean) =>
    results.find((each) =>
      each.clients === load.clients && each.persistent === load.persistent &&
      (each.key === "floor") === isFloor
    )!;
  const [ours, floor] = [of(false), of(true)];
  if (ours.errors > 0) throw new Error(`${named(load)}: ${ours.first_error}`);
  const name = named(load) + how;
  const latency = (
    which: "p50" | "p99" | "p999",
  ): Row => ({
    group: "latency of a bind",
    name: `${which === "p999" ? "p99.9" : which}, ${name}`,
    value: ours[`${which}_us`],
    unit: "us",
    beside: { name: FLOOR, value: floor[`${which}_us`] },
    ratio: ours[`${which}_of_floor`]!,
    better: "lower",
    spread: SPREAD[which],
  });
  return [
    {
      group: "binds per second",
      name,
      value: ours.binds_per_second,
      unit: "binds/s",
      beside: { name: FLOOR, value: floor.binds_per_second },
      ratio: ours.of_floor!,
      better: "higher",
    },
    latency("p50"),
    latency("p99"),
    latency("p999"),
  ];
}

async function besideRuby(context: Context): Promise<Row[]> {
  if (!await isInstalled("ruby")) return [];
  const rows: Row[] = [];
  for (const clients of [1, 32]) {
    const results = await measure(
      { ...context, loads: few(clients), servers: ["daemon", "ruby"] },
      context.signal,
    );
    const of = (key: string) => results.find((each) => each.key === key)!;
    const [ours, ruby] = [of("daemon"), of("ruby")];
    rows.push({
      group: "binds per second",
      name: `${named({ clients, persistent: false })}, beside Ruby`,
      value: ours.binds_per_second,
      unit: "binds/s",
      beside: { name: "Ruby, same protocol", value: ruby.binds_per_second },
      ratio: ours.binds_per_second / ruby.binds_per_second,
      better: "higher",
    });
  }
  return rows;
}
