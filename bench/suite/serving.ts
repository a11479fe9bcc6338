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
  const throughput = (key: "adopted" | "node", name: string): Row => ({
    group: GROUP,
    name,
    value: of(key).requests_per_second,
    unit: "requests/s",
    beside: plain,
    ratio: of(key).of_plain!,
    better: "higher",
  });
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
    throughput("adopted", "binding.serve"),
    throughput("node", "binding.serve on node:http"),
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
