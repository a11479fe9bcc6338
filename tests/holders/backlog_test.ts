import { assertEquals } from "@std/assert";
import { listenOn } from "../../ffi/sockets/socket.ts";
import { Daemon } from "../support/daemon.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { granted, rawList } from "../support/socket_kinds/raw_bind.ts";
import { Scratch } from "../support/tree.ts";

const KINDS = ["tcp", "unix", "seqpacket"] as const;

/** What Node and Deno call listen(2) with. */
const OF_NODE = 511;

for (const kind of KINDS) {
  Deno.test(`list says the backlog that a server has set, and the next bind puts back the requested one: ${kind}`, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const place = kind === "tcp"
      ? { address: "127.0.0.1", port: 0 }
      : { kind, path: scratch.join("web.sock") };
    const listed = async () => {
      const [bind] = await rawList(connection);
      return [bind?.options.backlog, bind?.requested_backlog];
    };
    const fd = await granted(connection, { ...place, backlog: 700 });
    assertEquals(await listed(), [700, undefined]);
    using again = RawConnection.open(daemon.sock);
    const copy = await granted(again, place);
    listenOn(copy, OF_NODE);
    assertEquals(await listed(), [OF_NODE, 700]);
    await granted(connection, place);
    assertEquals(await listed(), [700, undefined]);
    listenOn(copy, 1);
    await daemon.reexec();
    assertEquals(await listed(), [700, undefined]);
    listenOn(copy, 1);
    await using next = await Daemon.start({
      sock: daemon.sock,
      args: ["--takeover"],
    });
    await daemon.stop();
    using last = RawConnection.open(next.sock);
    await granted(last, place);
    const [bind] = await rawList(last);
    assertEquals(bind?.options.backlog, 700);
    assertEquals(fd > 2, true);
  });
}
