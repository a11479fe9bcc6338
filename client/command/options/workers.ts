import { MAX_WORKERS } from "../../../supervisor/supervisor.ts";
import { UsageError } from "../../../given_options.ts";

/** The processors that this process may use. */
function processors(): number {
  // Deno counts those of sched_getaffinity(2) within the CPU limit of the cgroup.
  return navigator.hardwareConcurrency;
}

/**
 * Reads the value of `--workers`.
 *
 * @throws {UsageError}
 */
export function readWorkers(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (text === "auto") return Math.min(processors(), MAX_WORKERS);
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= MAX_WORKERS) return count;
  throw new UsageError(
    `invalid --workers ${text}: expected auto or a number from 1 to ${MAX_WORKERS}`,
  );
}
