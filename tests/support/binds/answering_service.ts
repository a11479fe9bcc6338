/**
 * A service that gets its socket from the daemon: `answering_service.ts SOCK
 * HOST PORT NAME` sends NAME to every connection.
 *
 * @module
 */
import { bindSync } from "../../../client.ts";

const [sock, host, port, name] = Deno.args;
using web = bindSync(host!, Number(port), { sock: sock! });
const listener = web.listen();
console.log("serving");
for await (const connection of listener) {
  await connection.write(new TextEncoder().encode(name));
  connection.close();
}
