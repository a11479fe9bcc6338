/**
 * A web service on the socket that `run` or `exec` passes.
 *
 * @module
 */
import { inherited } from "../../../client.ts";

const [web] = inherited();
const server = web!.serve(() => new Response("hello\n"));
Deno.addSignalListener("SIGTERM", async () => {
  await server.shutdown();
  Deno.exit(0);
});
