/**
 * An adopted listener beside plain `Deno.serve`, and what a reload of the
 * service does to its clients. Left out where wrk is not installed.
 *
 * @module
 */
import { measure } from "../serve.ts";
import { requireWrk } from "../wrk.ts";
import type { Context } from "./context.ts";
import type { Row } from "./row.ts";

const GROUP = "serving";

/** Throughput, requests lost and latency. */
export async function serving(
  { rounds, signal }: Context,
): Promise<Row[]> {
  try {
    await requireWrk();
  } catch {
    return [];
  }
  const options = {
    seconds: 1,
    rounds,
    connections: 32,
    rest: 5,
    reloadEvery: 1,
  };
  const results = await measure(options, signal);
  const of = (key: string) => results.find((each) => each.key === key)!;
  const plain = {
    name: "plain Deno.serve",
    value: of("plain").requests_per_second,
  };
  const steady = { name: "no reload", value: of("steady").p99_ms };
  const p99 = (key: "beside" | "reloaded", name: string): Row => ({
    group: GROUP,
    name: `p99 ${name}`,
    value: of(key).p99_ms,
    unit: "ms",
    beside: steady,
    ratio: of(key).p99_of_steady!,
    better: "lower",
    spread: 4,
  });
  return [
    {
      group: GROUP,
      name: "binding.serve",
      value: of("adopted").requests_per_second,
      unit: "requests/s",
      beside: plain,
      ratio: of("adopted").of_plain!,
      better: "higher",
    },
    p99("beside", "while an unrelated program starts"),
    p99("reloaded", "while the service is reloaded"),
    {
      group: GROUP,
      name: "requests lost while the service is reloaded",
      value: of("reloaded").errors,
      unit: "",
      better: "lower",
      target: { of: "value", atMost: 0 },
    },
  ];
}
