import {
  DEFAULT_MAX_DRAINING,
  type DrainLimits,
} from "../../supervisor/ending/draining.ts";

/** How long HAProxy may take, in ms, and how many HAProxies may drain. */
export interface Limits extends DrainLimits {
  /**
   * How long a new HAProxy may take to check its configuration, and then until
   * it is ready.
   */
  readyTimeout: number;
  /** How long connections may take to finish after a stop. */
  grace: number;
}

/** The given limits, and defaults for the others. */
export function limitsWith(
  { readyTimeout, grace, maxDraining, drainTimeout }: {
    [Name in keyof Limits]?: number | undefined;
  },
): Limits {
  return {
    readyTimeout: readyTimeout ?? 60_000,
    grace: grace ?? 30_000,
    maxDraining: maxDraining ?? DEFAULT_MAX_DRAINING,
    drainTimeout: drainTimeout ?? 30 * 60_000,
  };
}
