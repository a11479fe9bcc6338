/**
 * The HTTP service of the benchmark: `deno run -A http_service.ts KIND [HOST]
 * [--port=N] [--work]`. The kinds:
 *
 *     plain       Deno.serve
 *     reuse-port  Deno.serve with reusePort
 *     shared      binding.serve on a socket of the daemon at MULTIBINDER_SOCK
 *     inherited   the same on a socket that `run` passes
 *
 * With --work each request takes some processor time, else next to none. Prints
 * `port N` when it serves; one under `run` also sends READY=1. SIGTERM ends it after the last open
 * request.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { bind, inherited } from "../../client.ts";
import { ServiceManager } from "../../ffi/systemd/service_manager.ts";

/** The text of a JSON document of 15 KB. */
const DOCUMENT = JSON.stringify(
  Array.from(
    { length: 400 },
    (_, id) => ({ id, name: `item ${id}`, tags: [] }),
  ),
);

function hello(): Response {
  return new Response("hello\n");
}

function work(): Response {
  const text = JSON.stringify(JSON.parse(DOCUMENT));
  return new Response(text === DOCUMENT ? "hello\n" : "");
}

async function start(
  kind: string,
  hostname: string,
  port: number,
  handler: () => Response,
): Promise<Deno.HttpServer> {
  const onListen = () => {};
  if (kind === "shared") return (await bind(hostname, port)).serve(handler);
  if (kind === "inherited") return inherited()[0]!.serve(handler, { onListen });
  const reusePort = kind === "reuse-port";
  return Deno.serve({ hostname, port, reusePort, onListen }, handler);
}

const { values, positionals: [kind = "", host = ""] } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: "string", default: "0" },
    work: { type: "boolean", default: false },
  },
});
const handler = values.work ? work : hello;
const server = await start(kind, host, Number(values.port), handler);
Deno.addSignalListener("SIGTERM", async () => {
  await server.shutdown();
  Deno.exit();
});
console.log(`port ${(server.addr as Deno.NetAddr).port}`);
if (kind === "inherited") {
  ServiceManager.fromEnvironment(console.error)?.ready(kind);
}
