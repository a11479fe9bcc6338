/**
 * The service that is measured: answers every request with the same few bytes.
 *
 *     deno run -A bench/http_service.ts plain
 *     deno run -A bench/http_service.ts adopted FD
 *
 * `plain` is Deno.serve on a port of its own, `adopted` is `binding.serve` on
 * the listening socket FD. SIGTERM ends it when every request is answered.
 *
 * @module
 */
import { Binding } from "../client.ts";

const [way, fd] = Deno.args;
const server = start();
// One path for all: a TCP address is what each of them has.
console.log(`port ${(server.addr as Deno.NetAddr).port}`);
Deno.addSignalListener("SIGTERM", async () => {
  await server.shutdown();
  Deno.exit();
});

function start(): Deno.HttpServer {
  const handler = (_request: Request) => new Response("hello\n");
  if (way === "plain") {
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    return Deno.serve(options, handler);
  }
  return Binding.from(Number(fd)).serve(handler);
}
