/** How long HAProxy may take, in ms. */
export interface Timeouts {
  /**
   * How long a new HAProxy may take to check its configuration, and then until
   * it is ready.
   */
  readyTimeout: number;
  /** How long connections may take to finish after a stop. */
  grace: number;
}

/** The given timeouts, and defaults for the others. */
export function timeoutsWith(
  { readyTimeout, grace }: { [Name in keyof Timeouts]?: number | undefined },
): Timeouts {
  return {
    readyTimeout: readyTimeout ?? 60_000,
    grace: grace ?? 30_000,
  };
}
