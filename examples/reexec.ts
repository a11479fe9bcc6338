/**
 * A web service that re-executes itself on SIGUSR2: same process, same listening
 * socket, new code. It answers requests in progress first. New connections wait in
 * the accept queue.
 *
 * ```sh
 * MULTIBINDER_SOCK=/run/multibinder.sock \
 *   deno run --allow-ffi=/lib/x86_64-linux-gnu/libc.so.6 --allow-env=GENERATION,WEB_FD examples/reexec.ts
 * ```
 *
 * @module
 */
import { createServer } from "node:http";
import {
  bind,
  Binding,
  blockSignals,
  reexec,
  unblockSignals,
} from "../client.ts";

const [host = "127.0.0.1", port = "8000"] = Deno.args;
const generation = Number(Deno.env.get("GENERATION") ?? "1");
const inherited = Deno.env.get("WEB_FD");
const web = inherited === undefined
  ? await bind(host, Number(port))
  : Binding.from(Number(inherited));

const server = createServer((_request, response) => {
  response.setHeader("Connection", "close");
  response.end(`generation ${generation} of ${Deno.pid}\n`);
});
server.listen({ fd: web.dup() }, () => {
  console.log("generation", generation, "serving");
});

Deno.addSignalListener("SIGUSR2", () => {
  server.close(() => {
    // A signal would end the next generation before it has its handler.
    blockSignals(["SIGUSR2"]);
    reexec({
      env: { GENERATION: `${generation + 1}`, WEB_FD: `${web.fd}` },
    });
  });
});
unblockSignals(["SIGUSR2"]);
