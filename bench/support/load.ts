/** Runs the load generator (bench/c/load.c) on a control socket. */

/** What the clients do. */
export interface Load {
  /** Number of clients that bind at the same time. */
  clients: number;
  /** Seconds. */
  seconds: number;
  /** Keep the connection. @default false: a new connection for each bind. */
  persistent?: boolean;
}

/** What the load generator reports. Latencies are in microseconds. */
export interface LoadReport {
  binds_per_second: number;
  p50_us: number;
  p99_us: number;
  errors: number;
  first_error: string | null;
}

/**
 * Runs a load.
 *
 * @param program the compiled load generator.
 * @throws {Error} if a bind fails.
 */
export async function runLoad(
  program: string,
  socket: string,
  load: Load,
  signal: AbortSignal,
): Promise<LoadReport> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [
      socket,
      `--clients=${load.clients}`,
      `--seconds=${load.seconds}`,
      ...(load.persistent ? ["--persistent"] : []),
    ],
    signal,
  }).output();
  signal.throwIfAborted();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
  const report: LoadReport = JSON.parse(new TextDecoder().decode(stdout));
  if (report.errors > 0) {
    throw new Error(
      `${report.errors} binds on ${socket} failed: ${report.first_error}`,
    );
  }
  return report;
}
