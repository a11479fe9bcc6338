/**
 * Replaces a web service by its next version several times and re-executes the
 * daemon meanwhile, under the load of 16 connections. The exit status is 1 if a
 * request is lost.
 *
 * ```sh
 * npx -y deno@2.9.6 task demo
 * ```
 *
 * @module
 */
import { connect } from "../../client.ts";
import { Child } from "./child.ts";
import { load } from "./load.ts";

const CONNECTIONS = 16;
/** Time between two requests of a connection, in ms: about 1,000 a second. */
const PAUSE = 15;
const VERSIONS = 4;
const REEXECS_A_VERSION = 5;
/** How long each version serves alone, in ms. */
const ALONE = 700;

function say(text: string): void {
  console.log(text);
}

function percentile(sorted: readonly number[], share: number): string {
  const value = sorted[Math.floor(share * (sorted.length - 1))] ?? NaN;
  return `${value.toFixed(1)} ms`;
}

async function demo(directory: string): Promise<number> {
  const sock = `${directory}/multibinder.sock`;
  const listening = "Listening for binds on control socket";
  await using daemon = new Child("../../server.ts", [
    "--log-level",
    "warn",
    sock,
  ], {});
  await daemon.line(listening);
  using session = await connect({ sock });
  using first = await session.bind("127.0.0.1", 0);
  const { hostname, port } = first.addr as Deno.NetAddr;
  say(`daemon ready; service at ${hostname}:${port}, ${CONNECTIONS} clients`);

  const startService = async (version: number) => {
    // Port 0 is one bind: every version gets the same socket.
    const args = [hostname, "0", `v${version}`];
    const service = new Child("../web_service.ts", args, {
      MULTIBINDER_SOCK: sock,
    });
    await service.line("serving");
    return service;
  };

  await using binder = new Child("longest_bind.ts", [sock], {});
  await binder.line("binding");
  let service = await startService(1);
  const stop = new AbortController();
  const loaded = load({ hostname, port }, CONNECTIONS, stop.signal, PAUSE);
  try {
    for (let version = 2; version <= VERSIONS; version++) {
      await new Promise((resolve) => setTimeout(resolve, ALONE));
      const next = startService(version);
      for (let count = 0; count < REEXECS_A_VERSION; count++) {
        daemon.signal("SIGUSR1");
        await daemon.line(listening);
      }
      const replaced = service;
      service = await next;
      await replaced.end();
      say(`v${version - 1} ended, v${version} serves`);
    }
    await new Promise((resolve) => setTimeout(resolve, ALONE));
  } finally {
    stop.abort();
    await Promise.allSettled([loaded]);
    await service[Symbol.asyncDispose]();
  }

  const { latencies, losses, answers } = await loaded;
  binder.signal("SIGTERM");
  const { binds, longest } = JSON.parse(await binder.line("{"));
  latencies.sort((one, other) => one - other);
  const rows: [string, string | number][] = [
    ["requests", latencies.length + losses.length],
    ["lost", losses.length],
    ["p50", percentile(latencies, 0.5)],
    ["p99", percentile(latencies, 0.99)],
    ["longest", percentile(latencies, 1)],
    ["answered by", [...answers].map(([who, n]) => `${who} ${n}`).join(", ")],
    ["daemon generations", (await session.status()).generation],
    ["binds meanwhile", binds],
    ["exec gap (longest bind)", `${longest.toFixed(1)} ms`],
  ];
  say("");
  for (const [name, value] of rows) say(`${name.padEnd(24)} ${value}`);
  for (const loss of new Set(losses)) say(`lost: ${loss}`);
  await daemon.end();
  return losses.length === 0 && latencies.length > 0 ? 0 : 1;
}

const directory = await Deno.makeTempDir({ prefix: "multibinder-demo-" });
let status = 1;
try {
  status = await demo(directory);
} finally {
  await Deno.remove(directory, { recursive: true });
}
Deno.exit(status);
