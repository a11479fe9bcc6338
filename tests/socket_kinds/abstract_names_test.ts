import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Binding } from "../../client.ts";
import { duplicate } from "../../ffi/files/descriptor.ts";
import { newSocket, tryConnect } from "../../ffi/sockets/socket.ts";
import { ErrorCode, type ErrorData } from "../../protocol.ts";
import { Daemon } from "../support/daemon.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { Scratch } from "../support/tree.ts";
import { PATH_KINDS } from "../support/socket_kinds/places.ts";
import {
  granted,
  rawList,
  rawRelease,
  refused,
} from "../support/socket_kinds/raw_bind.ts";
import { boundAt, SOCKET_TYPES } from "../support/socket_kinds/unix_sockets.ts";

for (const kind of PATH_KINDS) {
  Deno.test(`a socket with an abstract name has no file: ${kind}`, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const path = `@${scratch.join("web")}`;
    await granted(connection, { kind, path });
    const address = { family: "unix", path } as const;
    using client = newSocket(address, SOCKET_TYPES[kind]);
    assertEquals(tryConnect(client.fd, address), 0);
    assertEquals([...Deno.readDirSync(scratch.path)], []);
    const [listed] = await rawList(connection);
    assertEquals(listed?.address, `${kind}:${path}`);
    assertEquals(listed?.options.mode, undefined);
    await rawRelease(connection, { kind, path });
    using late = newSocket(address, SOCKET_TYPES[kind]);
    assert(tryConnect(late.fd, address) !== 0);
  });

  Deno.test(`an abstract name of another program is in use: ${kind}`, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const path = `@${scratch.join("web")}`;
    {
      using _other = boundAt(path, kind);
      const error = await refused(connection, { kind, path });
      assertEquals(error.code, ErrorCode.COULD_NOT_BIND);
      assertEquals((error.data as ErrorData).code, "EADDRINUSE");
    }
    await granted(connection, { kind, path });
  });
}

const ODD = [
  "@/run/web.sock",
  "@/run/../web",
  "@/",
  "@.",
  "@@",
  "@ ",
  "@a b\tc\nd",
  "@web:80",
  "@日本 🦕",
  "@a\0b",
  "@\0",
  "@\ufeffweb",
  `@${"x".repeat(107)}`,
];

for (const name of ODD) {
  Deno.test(`${JSON.stringify(name.slice(0, 20))} is an abstract name that list and the kernel report unchanged`, async () => {
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    // Abstract names are global: each test has its own.
    const kind = "unix";
    const fd = await granted(connection, { kind, path: name });
    using binding = Binding.from(duplicate(fd).release());
    assertEquals(binding.addr as unknown, { transport: "unix", path: name });
    const [listed] = await rawList(connection);
    assertEquals(listed?.address, `unix:${name}`);
    await rawRelease(connection, { kind, path: name });
    assertEquals(await rawList(connection), []);
  });
}

Deno.test("abstract names that differ in one byte are different sockets", async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const name = `@${scratch.path}`;
  const names = [name, `${name}\0`, `${name}/`, `${name}//`, `${name}/.`];
  for (const path of names) await granted(connection, { path });
  assertEquals((await rawList(connection)).length, names.length);
});

for (
  const [path, says] of [
    ["@", "empty"],
    [`@${"x".repeat(108)}`, "109 bytes"],
    ["@\ud800", "path"],
  ] as const
) {
  Deno.test(`${JSON.stringify(path.slice(0, 20))} is not an abstract name: -32602`, async () => {
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    for (const kind of PATH_KINDS) {
      const error = await refused(connection, { kind, path });
      assertEquals(error.code, ErrorCode.INVALID_PARAMS);
      assertStringIncludes(error.message, says);
    }
  });
}
