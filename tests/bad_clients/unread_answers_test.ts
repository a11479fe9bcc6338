import { assert, assertEquals, assertMatch } from "@std/assert";
import { bind, connect } from "../../client.ts";
import { abi } from "../../ffi/libc/abi.ts";
import { libc } from "../../ffi/libc/libc.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { assertOpen, openIn } from "../support/open_descriptors.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";

const STATUS = requestText(1, "status");

/** More answers than the queue and the kernel's buffers hold. */
const FAR_TOO_MANY = 100_000;

/** Sends until the daemon disconnects the client. Returns whether it did. */
async function sendUnread(
  connection: RawConnection,
  request: string,
): Promise<boolean> {
  for (let sent = 0; sent < FAR_TOO_MANY; sent += 100) {
    if (!await connection.send(request.repeat(100))) return true;
  }
  return false;
}

Deno.test("a client that never reads is dropped when its queue is full", async () => {
  await using daemon = await Daemon.start({ args: ["--log-level", "warn"] });
  const before = await openIn(daemon.pid);
  {
    using connection = RawConnection.open(daemon.sock);
    assert(await sendUnread(connection, STATUS), "it was never dropped");
    const line = await daemon.program.errors.next("dropped");
    const who = `pid=${Deno.pid} uid=${Deno.uid()} gid=${Deno.gid()}`;
    assertMatch(
      line,
      new RegExp(
        `WARN client dropped reason="it does not read its answers" ${who}$`,
      ),
    );
    using web = await bind("127.0.0.1", 0, { sock: daemon.sock });
    assertEquals(web.addr.transport, "tcp");
  }
  await assertOpen(daemon.pid, before, 1);
});

Deno.test("a client that reads late, but before its queue is full, gets every answer", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const ids = Array.from({ length: 1000 }, (_, index) => index);
  const requests = ids.map((id) =>
    requestText(id, "bind", [{ address: "127.0.0.1", port: 0 }])
  );
  await connection.send(requests.join(""));
  await daemon.program.errors.next("INFO bind");
  let descriptors = 0;
  for (const id of ids) {
    const line = await connection.next();
    assertEquals(JSON.parse(line?.text ?? "null")?.id, id);
    descriptors += line?.descriptors.length ?? 0;
  }
  assertEquals(descriptors, ids.length);
});

Deno.test("a client that disconnects with unread answers is dropped", async () => {
  await using daemon = await Daemon.start();
  using client = RawConnection.open(daemon.sock);
  for (let count = 0; count < 5; count++) {
    await client.send(requestText(`${count}${"x".repeat(60_000)}`, "status"));
  }
  using session = await connect({ sock: daemon.sock });
  assertEquals((await session.status()).clients, 2);
  libc().shutdown(client.fd, abi.SHUT_RDWR);
  await eventually(
    "one client less",
    async () => (await session.status()).clients === 1,
  );
});
