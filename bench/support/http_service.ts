/**
 * The HTTP service of the benchmark: `deno run -A http_service.ts plain|shared
 * HOST`. `plain` is Deno.serve on a port of its own, `shared` is binding.serve
 * on a socket of the daemon at MULTIBINDER_SOCK. Prints `port N` when it serves.
 * SIGTERM ends it after the last open request.
 *
 * @module
 */
import { bind } from "../../client.ts";

async function start(kind: string, hostname: string): Promise<Deno.HttpServer> {
  const handler = (_request: Request) => new Response("hello\n");
  if (kind === "shared") return (await bind(hostname, 0)).serve(handler);
  return Deno.serve({ hostname, port: 0, onListen: () => {} }, handler);
}

const [kind, host] = Deno.args;
const server = await start(kind!, host!);
Deno.addSignalListener("SIGTERM", async () => {
  await server.shutdown();
  Deno.exit();
});
console.log(`port ${(server.addr as Deno.NetAddr).port}`);
