import type { OnDemandOptions } from "../../../supervisor/on_demand/on_demand.ts";
import { readDuration } from "./duration.ts";
import { type Options, UsageError } from "../../../given_options.ts";

/**
 * The values of `--on-demand` and `--idle`; `undefined` without `--on-demand`.
 *
 * @throws {UsageError}
 */
export function readOnDemand(
  { has, one }: Pick<Options, "has" | "one">,
): OnDemandOptions | undefined {
  const idle = one("idle");
  if (!has("on-demand")) {
    if (idle === undefined) return undefined;
    throw new UsageError("--idle needs --on-demand");
  }
  if (one("workers") !== undefined) {
    throw new UsageError("--on-demand runs one worker: omit --workers");
  }
  if (idle === undefined || idle === "never") return { idle: Infinity };
  const limit = readDuration("idle", idle);
  if (limit > 0) return { idle: limit };
  throw new UsageError(
    `invalid --idle ${idle}: expected a duration above 0, or never`,
  );
}
