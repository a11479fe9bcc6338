/**
 * The child of launch.ts: serves on the descriptor in its argument. It needs no
 * permission.
 *
 * @module
 */
import { createServer } from "node:http";

const server = createServer((_request, response) => {
  response.end(`hello from child ${Deno.pid}\n`);
});
server.listen({ fd: Number(Deno.args[0]) }, () => console.log("serving"));

Deno.addSignalListener("SIGTERM", () => {
  server.close(() => Deno.exit());
});
