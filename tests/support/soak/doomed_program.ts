/**
 * A program that sends given bytes on many connections, prints a line, and waits
 * to be killed.
 *
 * @module
 */
import { RawConnection } from "../raw_connection.ts";

const [sock, ...texts] = Deno.args;

const connections = texts.map(() => RawConnection.open(sock!));
for (const [at, text] of texts.entries()) await connections[at]!.send(text);
console.log("sent");
setInterval(() => {}, 60_000);
