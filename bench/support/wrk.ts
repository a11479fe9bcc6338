/** HTTP load by wrk. */

/** What wrk reports. */
export interface WrkReport {
  requests_per_second: number;
  p50_ms: number;
  p99_ms: number;
  /** Connections refused, reset or timed out, and answers other than 2xx. */
  errors: number;
}

/** A load on a server. Connections are kept alive. */
export interface HttpLoad {
  connections: number;
  seconds: number;
  /** Pause of a connection between two requests, in ms. */
  pause: number;
}

const MS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  m: 60_000,
};

/** Puts a load on a URL. */
export async function runWrk(
  url: string,
  { connections, seconds, pause }: HttpLoad,
  signal: AbortSignal,
): Promise<WrkReport> {
  const script = await Deno.makeTempFile({ suffix: ".lua" });
  try {
    await Deno.writeTextFile(script, `function delay() return ${pause} end`);
    const { success, stdout, stderr } = await new Deno.Command("wrk", {
      args: [
        ...["--latency", "--threads=1", `--connections=${connections}`],
        `--duration=${seconds}s`,
        // Without the script wrk is faster: it runs no Lua for each request.
        ...(pause > 0 ? [`--script=${script}`] : []),
        url,
      ],
      signal,
    }).output();
    signal.throwIfAborted();
    const text = new TextDecoder().decode(stdout);
    if (success) return parseReport(text);
    throw new Error(`wrk ${url}: ${text}${new TextDecoder().decode(stderr)}`);
  } finally {
    await Deno.remove(script);
  }
}

function parseReport(text: string): WrkReport {
  return {
    requests_per_second: Number(match(text, /^Requests\/sec:\s+([\d.]+)/m)[1]),
    p50_ms: percentileIn(text, 50),
    p99_ms: percentileIn(text, 99),
    errors: errorsIn(text),
  };
}

/** In ms. */
function percentileIn(text: string, percent: number): number {
  const line = new RegExp(`^\\s+${percent}%\\s+([\\d.]+)(us|ms|s|m)$`, "m");
  const [, value, unit] = match(text, line);
  return Number(value) * MS[unit!]!;
}

function match(text: string, pattern: RegExp): RegExpExecArray {
  const found = pattern.exec(text);
  if (found === null) throw new Error(`unexpected output of wrk: ${text}`);
  return found;
}

function errorsIn(text: string): number {
  const socket =
    /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/
      .exec(text)?.slice(1) ?? [];
  const status = /Non-2xx or 3xx responses: (\d+)/.exec(text)?.slice(1) ?? [];
  return [...socket, ...status].reduce((sum, each) => sum + Number(each), 0);
}
