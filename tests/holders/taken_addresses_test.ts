import { assert, assertEquals } from "@std/assert";
import { Descriptor, duplicate } from "../../ffi/files/descriptor.ts";
import { libc } from "../../ffi/libc/libc.ts";
import { bindSocket, newSocket } from "../../ffi/sockets/socket.ts";
import { localAddress } from "../../ffi/sockets/socket_address.ts";
import { ErrorCode, type ErrorData } from "../../protocol.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { damage } from "../support/holders/acts.ts";
import { loopbackHost, OwnPort } from "../support/loopback.ts";
import { RawConnection } from "../support/raw_connection.ts";
import {
  granted,
  rawList,
  rawRelease,
  refused,
} from "../support/socket_kinds/raw_bind.ts";
import { assertAlive } from "../support/soak/sockets.ts";

const withPython = { ignore: await lacks("python3") };
const SHUT_RDWR = 2;

function listenAt(hostname: string, port: number): Deno.Listener {
  return Deno.listen({ hostname, port });
}

Deno.test("a bind fails while another program listens on the address, and works once that program has ended", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  using port = OwnPort.take();
  const address = loopbackHost();
  const params = { address, port: port.number };
  const fd = await granted(connection, params);
  assertEquals(libc().shutdown(fd, SHUT_RDWR), 0);
  connection.closeReceived();
  {
    using _other = listenAt(address, port.number);
    for (let attempt = 0; attempt < 2; attempt++) {
      const { code, data, message } = await refused(connection, params);
      assertEquals(code, ErrorCode.COULD_NOT_BIND);
      const { code: errno, damage } = data as ErrorData & { damage: string };
      assertEquals([errno, damage], ["EADDRINUSE", "it does not listen"]);
      assert(message.includes("a holder has damaged"), message);
    }
    assertEquals((await rawList(connection)).length, 1);
  }
  await assertAlive("tcp", await granted(connection, params));
});

Deno.test(
  "a bind of port 0 gets another port if another program has taken the one of the damaged socket",
  withPython,
  async () => {
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const address = loopbackHost();
    for (const kind of ["tcp", "udp"] as const) {
      const params = { kind, address, port: 0 };
      const before = localAddress(await granted(connection, params));
      assert(before.family === "ipv4");
      await damage(daemon.sock, params, {
        name: kind === "tcp" ? "shut down" : "disconnect",
      });
      using taken = new DisposableStack();
      const type = kind === "tcp" ? "stream" : "datagram";
      bindSocket(taken.use(newSocket(before, type)).fd, before);
      const fd = await granted(connection, params);
      const after = localAddress(fd);
      assert(after.family === "ipv4" && after.port !== before.port);
      assertEquals(after.host, address);
      await assertAlive(kind, fd);
      const listed = await rawList(connection);
      assert(listed.at(-1)?.bound?.endsWith(`:${after.port}`));
    }
  },
);

Deno.test(
  "a release and a bind give a fresh socket, whatever was done to the old one",
  withPython,
  async () => {
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    using port = OwnPort.take();
    const params = { address: loopbackHost(), port: port.number };
    const fd = await granted(connection, params);
    using old = new Descriptor(duplicate(fd).release());
    assertEquals(libc().shutdown(old.fd, SHUT_RDWR), 0);
    const [before] = await rawList(connection);
    await rawRelease(connection, params);
    await assertAlive("tcp", await granted(connection, params));
    const [after] = await rawList(connection);
    assert(before?.inode !== after?.inode);
  },
);

Deno.test("a batch heals its sockets too", withPython, async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const host = loopbackHost();
  const tcp = { address: host, port: 0 };
  const udp = { kind: "udp", address: host, port: 0 } as const;
  await granted(connection, tcp);
  await granted(connection, udp);
  await damage(daemon.sock, tcp, { name: "shut down" });
  await damage(daemon.sock, udp, { name: "connect" });
  await connection.send(JSON.stringify(
    [tcp, udp].map((params, id) => ({
      jsonrpc: "2.0",
      id,
      method: "bind",
      params: [params],
    })),
  ));
  const line = await connection.next();
  assertEquals(line?.descriptors.length, 2);
  await assertAlive("tcp", line!.descriptors[0]!);
  await assertAlive("udp", line!.descriptors[1]!);
});
