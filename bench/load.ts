/**
 * Load on a control socket: runs the C load generator and reads its report.
 *
 * @module
 */

/** What the clients of one run do. */
export interface Load {
  /** Clients that bind at the same time. */
  clients: number;
  /** Whether each keeps its connection, or makes one for every bind. */
  persistent: boolean;
}

/** What the load generator reports (load.c); times in microseconds. */
export interface LoadReport {
  /** Answers with `result: true` and exactly one descriptor. */
  binds: number;
  /** How long the run took. */
  seconds: number;
  /** Successful binds in a second. */
  binds_per_second: number;
  /** Half of the binds took no longer. */
  p50_us: number;
  /** 99 of 100 binds took no longer. */
  p99_us: number;
  /** 999 of 1000 binds took no longer. */
  p999_us: number;
  /** The longest bind. */
  max_us: number;
  /** Everything that was no bind: errors, closed connections, no answer. */
  errors: number;
  /** The first error in words. */
  first_error: string | null;
}

/** A load as a table names it. */
export function loadName(load: Load): string {
  return `${load.clients}${load.persistent ? " persistent" : ""}`;
}

/** Puts a load on the control socket for `seconds`. */
export async function runLoad(
  program: string,
  socket: string,
  load: Load,
  seconds: number,
  signal: AbortSignal,
): Promise<LoadReport> {
  signal.throwIfAborted();
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [
      socket,
      `--clients=${load.clients}`,
      `--seconds=${seconds}`,
      ...(load.persistent ? ["--persistent"] : []),
    ],
    signal,
    stdout: "piped",
    stderr: "piped",
  }).output();
  signal.throwIfAborted();
  if (!success) {
    throw new Error(new TextDecoder().decode(stderr).trim());
  }
  const report: LoadReport = JSON.parse(new TextDecoder().decode(stdout));
  return report;
}
