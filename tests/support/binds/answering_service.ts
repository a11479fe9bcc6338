/**
 * A service that gets its socket from the daemon: `answering_service.ts SOCK
 * HOST PORT NAME` sends NAME to every connection.
 *
 * @module
 */
import { createServer } from "node:net";
import { bindSync } from "../../../client.ts";

const [sock, host, port, name] = Deno.args;
using web = bindSync(host!, Number(port), { sock: sock! });
createServer((connection) => connection.end(name!))
  .listen({ fd: web.dup() }, () => console.log("serving"));
