/**
 * HTTP load by wrk, and what it reports.
 *
 * @module
 */

/** What wrk saw in one run. */
export interface WrkReport {
  requests_per_second: number;
  p50_ms: number;
  p99_ms: number;
  /** Connections refused, reset or timed out, and answers that are no 2xx. */
  errors: number;
}

const MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 };

/** Throws an error that says what to do where wrk is not installed. */
export async function requireWrk(): Promise<void> {
  try {
    // Its status is 1, whatever it is asked.
    await new Deno.Command("wrk", { args: ["--version"] }).output();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Error("wrk is needed: apt-get install -y wrk", { cause });
  }
}

/** A load on a server, each connection kept as long as it lasts. */
export interface HttpLoad {
  connections: number;
  seconds: number;
  /** How long a connection rests between two requests, in ms; 0 for not at all. */
  rest: number;
}

/** Puts a load on a URL. */
export async function runWrk(
  url: string,
  load: HttpLoad,
  signal: AbortSignal,
): Promise<WrkReport> {
  signal.throwIfAborted();
  const script = await Deno.makeTempFile({ suffix: ".lua" });
  try {
    await Deno.writeTextFile(
      script,
      `function delay() return ${load.rest} end`,
    );
    return await run(
      url,
      load,
      load.rest > 0 ? [`--script=${script}`] : [],
      signal,
    );
  } finally {
    await Deno.remove(script);
  }
}

async function run(
  url: string,
  load: HttpLoad,
  options: readonly string[],
  signal: AbortSignal,
): Promise<WrkReport> {
  const { success, stdout, stderr } = await new Deno.Command("wrk", {
    args: [
      "--latency",
      "--threads=1",
      `--connections=${load.connections}`,
      `--duration=${load.seconds}s`,
      ...options,
      url,
    ],
    signal,
  }).output();
  signal.throwIfAborted();
  const text = new TextDecoder().decode(stdout);
  if (!success) {
    throw new Error(`wrk: ${text}${new TextDecoder().decode(stderr)}`);
  }
  return {
    requests_per_second: Number(match(text, /^Requests\/sec:\s+([\d.]+)/m)[1]),
    p50_ms: latency(text, 50),
    p99_ms: latency(text, 99),
    errors: errorsIn(text),
  };
}

function match(text: string, pattern: RegExp): RegExpExecArray {
  const found = pattern.exec(text);
  if (found === null) throw new Error(`wrk reports otherwise: ${text}`);
  return found;
}

function latency(text: string, percent: number): number {
  const pattern = new RegExp(`^\\s+${percent}%\\s+([\\d.]+)(us|ms|s)$`, "m");
  const [, value, unit] = match(text, pattern);
  return Number(value) * MS[unit!]!;
}

function errorsIn(text: string): number {
  const socket =
    /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/
      .exec(text)?.slice(1) ?? [];
  const status = /Non-2xx or 3xx responses: (\d+)/.exec(text)?.slice(1) ?? [];
  return [...socket, ...status].reduce((sum, each) => sum + Number(each), 0);
}
