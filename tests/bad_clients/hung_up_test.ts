import { assertEquals } from "@std/assert";
import { connect } from "../../client.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { stopped } from "../support/process_life.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";

const NAMED = { address: "localhost", port: 0 };

/** Two requests of a client that disconnects before the daemon reads them. */
async function askAndHangUp(daemon: Daemon, method: string): Promise<void> {
  await stopped(daemon.pid);
  {
    using connection = RawConnection.open(daemon.sock);
    await connection.send(
      requestText(1, "bind", [{ address: "127.0.0.2", port: 0 }]) +
        requestText(2, method, [NAMED]),
    );
  }
  daemon.program.signal("SIGCONT");
  await daemon.program.errors.next("INFO bind");
}

Deno.test("requests of a client that is dropped during a lookup are not performed", async () => {
  await using daemon = await Daemon.start();
  using session = await connect({ sock: daemon.sock });
  using held = await session.bind("localhost", 0);
  await daemon.program.errors.next("INFO bind");
  await askAndHangUp(daemon, "release");
  await eventually(
    "one client",
    async () => (await session.status()).clients === 1,
  );
  const bound = (await session.list()).map(({ address }) => address);
  // This bind is performed after any pending lookup.
  await session.release("localhost:0");
  const left = (await session.list()).map(({ address }) => address);
  assertEquals([bound.length, left.length], [2, 1]);
  assertEquals(held.addr.transport, "tcp");
});

Deno.test("the last request of a client that disconnects at once is performed", async () => {
  await using daemon = await Daemon.start();
  {
    using connection = RawConnection.open(daemon.sock);
    await connection.send(requestText(1, "bind", [NAMED]));
  }
  await daemon.program.errors.next("INFO bind");
  assertEquals((await daemon.status()).binds, 1);
});
