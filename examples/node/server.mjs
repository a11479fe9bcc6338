/**
 * A Node service on a socket of the daemon; SIGHUP reloads it gracefully:
 *
 *   multibinder-client run 127.0.0.1:8000 -- node examples/node/server.mjs
 */
import { createServer } from "node:http";
import process from "node:process";

let ending = false;
const server = createServer((_request, response) => {
  if (ending) response.setHeader("Connection", "close");
  response.end(`hello from node ${process.pid}\n`);
});
server.listen({ fd: 3 });

// close() answers accepted connections. The accept queue stays for the next
// process.
process.on("SIGTERM", () => {
  ending = true;
  server.close();
});
