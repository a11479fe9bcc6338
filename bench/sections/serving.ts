/**
 * An HTTP service on a shared socket: its throughput compared with plain
 * Deno.serve, and what a reload of the service does to its clients.
 *
 * @module
 */
import { compare, type Row } from "../report/row.ts";
import { HttpServiceProcess } from "../support/http_service_process.ts";
import { isInstalled } from "../support/installed.ts";
import { measureRounds } from "../support/rounds.ts";
import { RunningServer } from "../support/running_server.ts";
import { DAEMON } from "../support/servers.ts";
import { runWrk, type WrkReport } from "../support/wrk.ts";
import { type Context, skip } from "./section.ts";

// wrk takes whole seconds.
const FULL_LOAD = { connections: 32, seconds: 1, pause: 0 };

/**
 * For latencies. Under full load no core is left for a starting program, and
 * the figures would show the scheduler.
 */
const PACED_LOAD = { connections: 32, seconds: 1, pause: 5 };

/** From the start of a load to the reload, in ms. */
const RELOAD_AFTER = 300;

/** Measures all rows with wrk. */
export async function serving(context: Context): Promise<Row[]> {
  if (!await isInstalled("wrk")) return skip("serving", "wrk is not installed");
  const { folder, signal } = context;
  const sock = `${folder}/daemon.sock`;
  await using _daemon = await RunningServer.start(DAEMON, sock);
  await using plain = await HttpServiceProcess.start(
    "plain",
    "127.0.0.1",
    sock,
  );
  await using shared = await HttpServiceProcess.start(
    "shared",
    "127.0.0.2",
    sock,
  );
  const rounds = await measureRounds(context, {
    plain: () => runWrk(plain.url, FULL_LOAD, signal),
    shared: () => runWrk(shared.url, FULL_LOAD, signal),
    steady: () => runWrk(shared.url, PACED_LOAD, signal),
    reloaded: () => runDuringReload("127.0.0.3", sock, signal),
  });
  return [
    {
      group: "serving",
      name: "binding.serve",
      ...compare(
        rounds,
        ({ shared }) => shared.requests_per_second,
        ({ plain }) => plain.requests_per_second,
        "plain Deno.serve",
      ),
      unit: "requests/s",
      better: "higher",
    },
    {
      group: "serving",
      name: "p99 while the service is reloaded",
      ...compare(
        rounds,
        ({ reloaded }) => reloaded.p99_ms,
        ({ steady }) => steady.p99_ms,
        "no reload",
      ),
      unit: "ms",
      better: "lower",
      noise: 4,
    },
    {
      group: "serving",
      name: "requests lost while the service is reloaded",
      value: rounds.reduce((sum, { reloaded }) => sum + reloaded.errors, 0),
      unit: "",
      better: "lower",
      target: { of: "value", atMost: 0 },
    },
  ];
}

/** A load during which a second service takes the place of the first one. */
async function runDuringReload(
  host: string,
  sock: string,
  signal: AbortSignal,
): Promise<WrkReport> {
  let service = await HttpServiceProcess.start("shared", host, sock);
  const { url } = service;
  const reload = async () => {
    await new Promise((resolve) => setTimeout(resolve, RELOAD_AFTER));
    const old = service;
    service = await HttpServiceProcess.start("shared", host, sock);
    await old[Symbol.asyncDispose]();
  };
  try {
    // Deno compiles the hot functions of the service before the measurement.
    await runWrk(url, FULL_LOAD, signal);
    const load = runWrk(url, PACED_LOAD, signal);
    const [report] = await Promise.all([load, reload()]);
    return report;
  } finally {
    await service[Symbol.asyncDispose]();
  }
}
