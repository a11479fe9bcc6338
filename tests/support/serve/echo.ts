/** A program that echoes what it receives. */
import { bind } from "../../../client.ts";

using socket = await bind("127.0.0.1", 0);
const listener = socket.listen();
console.log("listening");
for await (const conn of listener) {
  conn.readable.pipeTo(conn.writable).catch(console.error);
}
