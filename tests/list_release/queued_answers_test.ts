import { assert, assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { socketOf } from "../support/binds/listening_socket.ts";
import { Daemon } from "../support/daemon.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";
import { release } from "../support/list_release/wire.ts";

/** More answers than the kernel's buffer holds, fewer than the daemon's limit. */
const COUNT = 1000;

const PARAMS = { address: "127.0.0.1", port: 0 };

for (const reexec of [false, true]) {
  const when = reexec ? ", across a re-exec," : "";
  Deno.test(`queued answers still carry a socket that was released${when}`, async () => {
    await using daemon = await Daemon.start();
    const { sock } = daemon;
    using first = await bind("127.0.0.1", 0, { sock });
    const released = socketOf(first);
    using connection = RawConnection.open(sock);
    const ids = Array.from({ length: COUNT }, (_, index) => index);
    const requests = ids.map((id) => requestText(id, "bind", [PARAMS]));
    await connection.send(requests.join(""));
    // The line of the first bind precedes them.
    for (let line = 0; line <= COUNT; line++) {
      await daemon.program.errors.next("INFO bind");
    }
    assertEquals((await release(sock, PARAMS)).result, true);
    // A new descriptor gets the lowest free number.
    using second = await bind("127.0.0.1", 0, { sock });
    using third = await bind("127.0.0.2", 0, { sock });
    if (reexec) await daemon.reexec();
    for (const id of ids) {
      const line = await connection.next();
      assertEquals(JSON.parse(line?.text ?? "null")?.id, id);
      const sockets = line!.descriptors.map((fd) =>
        Deno.readLinkSync(`/proc/self/fd/${fd}`)
      );
      assertEquals(sockets, [released]);
    }
    assert(socketOf(second) !== released && socketOf(third) !== released);
    assertEquals((await daemon.status()).binds, 2);
  });
}
