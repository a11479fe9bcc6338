import { assertEquals } from "@std/assert";
import { duplicate } from "../../ffi/files/descriptor.ts";
import { resolveHost } from "../../ffi/sockets/resolver.ts";
import { localAddress } from "../../ffi/sockets/socket_address.ts";
import type { BindParams, ErrorData } from "../../protocol.ts";
import { lacksIpv6 } from "../support/binds/listening_socket.ts";
import { Daemon } from "../support/daemon.ts";
import { OwnPort } from "../support/loopback.ts";
import { RawConnection } from "../support/raw_connection.ts";
import {
  granted,
  rawBind,
  rawList,
  rawRelease,
  refused,
} from "../support/socket_kinds/raw_bind.ts";

const noIpv6 = lacksIpv6();

async function inodeOf(
  connection: RawConnection,
  params: BindParams,
): Promise<number | null> {
  const fd = await granted(connection, params);
  return (await Deno.stat(`/proc/self/fd/${fd}`)).ino;
}

const LOCALHOST = await resolveHost("localhost", 0);

for (const kind of ["tcp", "udp"] as const) {
  const SPELLINGS: [
    what: string,
    usesIpv6: boolean,
    spellings: BindParams[],
  ][] = [
    ["of ::1", true, [
      { address: "::1" },
      { address: "0:0:0:0:0:0:0:1" },
      { address: "0000:0000:0000:0000:0000:0000:0000:0001" },
      { address: "::0.0.0.1" },
      { address: "::1", v6only: true },
    ]],
    ["of an address with letters", true, [
      { address: "2001:DB8::A", free_bind: true },
      { address: "2001:db8:0::a" },
      { address: "2001:0db8::000a" },
    ]],
    ["of localhost and what it resolves to", false, [
      { address: "localhost" },
      { address: "LOCALHOST" },
      { address: LOCALHOST[0]!.host },
    ]],
    ["of 127.0.0.1, for which v6only means nothing", false, [
      { address: "127.0.0.1" },
      { address: "127.0.0.1", v6only: true },
      { address: "127.0.0.1", v6only: false },
    ]],
  ];
  for (const [what, usesIpv6, spellings] of SPELLINGS) {
    for (const isZero of [true, false]) {
      const which = isZero ? "port 0" : "a port";
      Deno.test(`all spellings ${what} are one bind: ${kind}, ${which}`, {
        ignore: usesIpv6 && noIpv6,
      }, async () => {
        using own = isZero ? undefined : OwnPort.take();
        const port = own?.number ?? 0;
        await using daemon = await Daemon.start();
        using connection = RawConnection.open(daemon.sock);
        const inodes = new Set<unknown>();
        for (const spelling of spellings) {
          const params = { kind, port, ...spelling };
          inodes.add(await inodeOf(connection, params));
        }
        assertEquals(inodes.size, 1);
        assertEquals((await rawList(connection)).length, 1);
        const last = spellings.at(-1)!;
        await rawRelease(connection, { kind, port, ...last });
        assertEquals(await rawList(connection), []);
      });
    }
  }
}

Deno.test("port 0 is one bind of each kind", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const address = "127.0.0.1";
  const asked = ["tcp", "udp", "tcp", "udp"] as const;
  const inodes: unknown[] = [];
  for (const kind of asked) {
    inodes.push(await inodeOf(connection, { kind, address, port: 0 }));
  }
  assertEquals(inodes.slice(2), inodes.slice(0, 2));
  const listed = await rawList(connection);
  assertEquals(
    listed.map(({ address }) => address),
    ["127.0.0.1:0", "udp://127.0.0.1:0"],
  );
});

Deno.test("tcp and udp of one port are two binds, released one by one", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  using own = OwnPort.take();
  const params = { address: "127.0.0.1", port: own.number };
  const tcp = await inodeOf(connection, params);
  const udp = await inodeOf(connection, { ...params, kind: "udp" });
  assertEquals(tcp === udp, false);
  await rawRelease(connection, params);
  const listed = await rawList(connection);
  assertEquals(listed.map(({ kind }) => kind), ["udp"]);
  assertEquals(await inodeOf(connection, { ...params, kind: "udp" }), udp);
});

Deno.test("the port chosen for port 0 is another bind and in use", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  for (const kind of ["tcp", "udp"]) {
    const params = { kind, address: "127.0.0.1", port: 0 };
    const fd = duplicate(await granted(connection, params));
    const bound = localAddress(fd.fd);
    const port = bound.family === "unix" ? 0 : bound.port;
    const error = await refused(connection, { ...params, port });
    assertEquals((error.data as ErrorData).code, "EADDRINUSE");
    fd.close();
  }
});

for (const kind of ["tcp", "udp"] as const) {
  Deno.test(`binds to different devices are different: ${kind}`, async () => {
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const anywhere = { kind, address: "127.0.0.1", port: 0 };
    const onLo = { ...anywhere, device: "lo" };
    const first = await inodeOf(connection, anywhere);
    const second = await inodeOf(connection, onLo);
    assertEquals(first === second, false);
    assertEquals(await inodeOf(connection, onLo), second);
    assertEquals(await inodeOf(connection, anywhere), first);
    await rawRelease(connection, onLo);
    const listed = await rawList(connection);
    assertEquals(listed.map(({ options }) => options.device), [undefined]);
  });

  Deno.test(`binds with different v6only are different: ${kind}`, {
    ignore: noIpv6,
  }, async () => {
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const six = { kind, address: "::", port: 0 };
    const both = { ...six, v6only: false };
    const first = await inodeOf(connection, six);
    const second = await inodeOf(connection, both);
    assertEquals(first === second, false);
    assertEquals(await inodeOf(connection, both), second);
    const listed = await rawList(connection);
    const prefix = kind === "udp" ? "udp://" : "";
    assertEquals(
      listed.map(({ address, options }) => [address, options.v6only]),
      [[`${prefix}[::]:0`, true], [`${prefix}:0`, false]],
    );
    await rawRelease(connection, both);
    assertEquals(await inodeOf(connection, six), first);
  });

  Deno.test(`with reuse_port another program can bind the port: ${kind}`, async () => {
    await using one = await Daemon.start();
    await using other = await Daemon.start();
    using first = RawConnection.open(one.sock);
    using second = RawConnection.open(other.sock);
    using own = OwnPort.take();
    const params = { kind, address: "127.0.0.1", port: own.number };
    await granted(first, { ...params, reuse_port: true });
    const { answer } = await rawBind(second, params);
    assertEquals((answer.error?.data as ErrorData).code, "EADDRINUSE");
    await granted(second, { ...params, reuse_port: true });
  });
}

for (
  const address of ["fe80::1%lo", "::1%1", "127.0.0.1%lo"]
) {
  Deno.test(`an interface in the address is -32602 and the error names the option device: ${address}`, async () => {
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const error = await refused(connection, { address, port: 0 });
    assertEquals(error.code, -32602);
    assertEquals(error.message.includes("device"), true);
  });
}
