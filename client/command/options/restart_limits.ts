import {
  type RestartLimits,
  RESTARTS,
} from "../../../supervisor/restarts/restart_policy.ts";
import { UsageError } from "../../../given_options.ts";

/**
 * The values of `--restart` and `--max-restarts`.
 *
 * @throws {UsageError}
 */
export function readRestartLimits(
  one: (option: string) => string | undefined,
): RestartLimits {
  const text = one("restart") ?? "always";
  const restart = RESTARTS.find((each) => each === text);
  if (restart === undefined) {
    throw new UsageError(
      `invalid --restart ${text}: expected ${RESTARTS.join(", ")}`,
    );
  }
  const limit = one("max-restarts");
  if (limit === undefined) return { restart, maxRestarts: Infinity };
  if (!/^\d{1,9}$/.test(limit)) {
    throw new UsageError(
      `invalid --max-restarts ${limit}: expected a number such as 5`,
    );
  }
  return { restart, maxRestarts: Number(limit) };
}
