/**
 * Connects many times to the control socket and sends `status` on each
 * connection: `many_clients.ts SOCK COUNT`. Prints "accepted" or the text of the
 * error for each, and holds the connections until it is killed.
 *
 * @module
 */
import { RawConnection, requestText } from "../raw_connection.ts";

const [sock, count] = Deno.args;
const connections: RawConnection[] = [];
while (connections.length < Number(count)) {
  const connection = RawConnection.open(sock!);
  await connection.send(requestText(1, "status"));
  const { error } = await connection.answer();
  console.log(error?.message ?? "accepted");
  connections.push(connection);
}
setInterval(() => {}, 1_000_000);
