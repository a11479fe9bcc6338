/**
 * A Node service on a socket of the daemon's, replaced without a gap by SIGHUP:
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

// What is in the accept queue stays there for the next one; what was accepted
// is answered.
process.on("SIGTERM", () => {
  ending = true;
  server.close();
});
