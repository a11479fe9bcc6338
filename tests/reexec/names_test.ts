import { assert, assertEquals } from "@std/assert";
import { BindTable } from "../../server/sockets/bind_table.ts";
import { ControlSocket } from "../../server/daemon/control_socket.ts";
import { stateOf } from "../../server/reexec/handoff.ts";
import { createLog } from "../../server/log/log.ts";
import {
  answerMessage,
  isUnresolved,
  readMessage,
  resolveMessage,
} from "../../server/requests/dispatch.ts";
import { firstGeneration, limitsOf } from "../../server/serve.ts";
import { requestText } from "../support/raw_connection.ts";
import { Scratch } from "../support/tree.ts";

const CLIENT = { peer: { pid: 1, uid: 0, gid: 0 }, groups: [] };

const BY_NAME = requestText(1, "bind", [{ address: "localhost", port: 0 }]);

// A re-exec may happen in any turn of the event loop, and the next generation
// performs every request that is not answered by then.
for (
  const [what, text] of [["request", BY_NAME], ["batch", `[${BY_NAME}]`]]
) {
  Deno.test(`a ${what} for a name changes nothing until it is answered`, async () => {
    await using scratch = await Scratch.make();
    using daemon = firstGeneration({
      control: ControlSocket.listen(
        scratch.join("control.sock"),
        { mode: 0o600 },
        () => {},
      ),
      binds: new BindTable(),
      log: createLog({ level: "error" }),
      limits: limitsOf({ path: "" }),
      policy: undefined,
    });
    const bytes = new TextEncoder().encode(text);
    const message = readMessage(bytes, CLIENT);
    assert(isUnresolved(message));
    await resolveMessage(message);
    assert(!isUnresolved(message));
    assertEquals(stateOf(daemon).binds, []);
    const { sockets } = answerMessage(message, daemon);
    assertEquals(stateOf(daemon).binds.map((each) => each.handed_out), [1]);
    for (const socket of sockets) socket.release();
  });
}
