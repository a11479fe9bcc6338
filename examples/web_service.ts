/**
 * A web service that can be replaced with no connection refused: start the next
 * version beside this one, then end this one with SIGTERM.
 *
 * ```sh
 * MULTIBINDER_SOCK=/run/multibinder.sock \
 *   deno run --allow-ffi=/lib/x86_64-linux-gnu/libc.so.6 examples/web_service.ts
 * ```
 *
 * @module
 */
import { createServer } from "node:http";
import { bind } from "../client.ts";

const [host = "127.0.0.1", port = "8000", greeting = "hello"] = Deno.args;

// node:http owns the duplicate. `using` closes this copy at the end of the module.
using web = await bind(host, Number(port));

let draining = false;
const server = createServer((_request, response) => {
  if (draining) response.setHeader("Connection", "close");
  response.end(`${greeting}\n`);
});
server.listen({ fd: web.dup() }, () => console.log("serving", web.addr));

// close() answers accepted connections. The accept queue stays for the next
// version.
Deno.addSignalListener("SIGTERM", () => {
  draining = true;
  server.close(() => Deno.exit());
});
