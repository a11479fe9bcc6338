import { assertEquals, assertStringIncludes } from "@std/assert";
import type { ErrorData, WireOptions } from "../../protocol.ts";
import { lacksIpv6 } from "../support/binds/listening_socket.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { Scratch } from "../support/tree.ts";
import { READ, tcpBacklog } from "../support/socket_kinds/kernel_options.ts";
import { PLACES } from "../support/socket_kinds/places.ts";
import { granted, rawList, refused } from "../support/socket_kinds/raw_bind.ts";
import { WITHOUT_NET_ADMIN } from "../support/socket_kinds/without_net_admin.ts";

const noIpv6 = lacksIpv6();

/** Options that can change on a bound socket, with their values in the kernel. */
const CHANGES: Record<
  string,
  [options: WireOptions, there: Partial<Record<keyof typeof READ, number>>][]
> = {
  tcp: [
    [{ recv_buffer: 65536 }, { recv_buffer: 131072 }],
    [{ recv_buffer: 131072, send_buffer: 65536 }, {
      recv_buffer: 262144,
      send_buffer: 131072,
    }],
    [{ defer_accept: 3, fast_open: 5 }, { defer_accept: 3, fast_open: 5 }],
    [{ defer_accept: 0 }, { defer_accept: 0, fast_open: 5 }],
    [{ reuse_port: true }, { reuse_port: 1 }],
    [{ reuse_port: false, free_bind: true }, { reuse_port: 0, free_bind: 1 }],
  ],
  udp: [
    [{ recv_buffer: 65536 }, { recv_buffer: 131072 }],
    [{ reuse_port: true }, { reuse_port: 1, recv_buffer: 131072 }],
    [{ reuse_port: false }, { reuse_port: 0 }],
  ],
  unix: [[{ send_buffer: 65536 }, { send_buffer: 131072 }]],
  seqpacket: [[{ send_buffer: 65536 }, { send_buffer: 131072 }]],
  unixgram: [
    [{ recv_buffer: 65536 }, { recv_buffer: 131072 }],
    [{ send_buffer: 65536 }, { send_buffer: 131072, recv_buffer: 131072 }],
  ],
};

for (const place of PLACES) {
  const { name, kind, family } = place;
  Deno.test(
    `a repeated bind applies its options to the held socket: ${name}`,
    {
      ignore: family === "ipv6" && noIpv6,
    },
    async () => {
      await using scratch = await Scratch.make();
      await using daemon = await Daemon.start();
      using holder = RawConnection.open(daemon.sock);
      using other = RawConnection.open(daemon.sock);
      const params = place.params(scratch, "socket");
      const held = await granted(holder, params);
      const initially = (await rawList(other))[0]?.options ?? {};
      let asked: WireOptions = {};
      for (const [options, there] of CHANGES[kind]!) {
        await granted(other, { ...params, ...options });
        asked = { ...asked, ...options };
        for (const [option, value] of Object.entries(there)) {
          const read = READ[option as keyof typeof READ];
          assertEquals(read(held, family), value, option);
        }
        const listed = await rawList(other);
        assertEquals(listed.length, 1);
        assertEquals(listed[0]?.options, { ...initially, ...asked });
      }
    },
  );
}

Deno.test("a repeated bind without options changes none", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const params = { address: "127.0.0.1", port: 0 };
  const options = { backlog: 7, recv_buffer: 65536, reuse_port: true };
  await granted(connection, { ...params, ...options });
  const fd = await granted(connection, params);
  assertEquals(
    [tcpBacklog(fd), READ.recv_buffer(fd, "ipv4"), READ.reuse_port(fd, "ipv4")],
    [7, 131072, 1],
  );
  assertEquals((await rawList(connection))[0]?.options, options);
});

Deno.test(
  "list has the options in the kernel after a repeated bind that fails partway",
  {
    ignore: Deno.uid() !== 0 || await lacks("setpriv"),
  },
  async () => {
    await using daemon = await Daemon.start({ under: WITHOUT_NET_ADMIN });
    using holder = RawConnection.open(daemon.sock);
    using other = RawConnection.open(daemon.sock);
    const params = { address: "127.0.0.1", port: 0 };
    const held = await granted(holder, params);
    const error = await refused(other, {
      ...params,
      reuse_port: true,
      mark: 1,
    });
    assertEquals((error.data as ErrorData).code, "EPERM");
    assertStringIncludes(error.message, "SO_MARK");
    const [listed] = await rawList(other);
    assertEquals(
      listed?.options.reuse_port ?? false,
      READ.reuse_port(held, "ipv4") === 1,
    );
    assertEquals(listed?.options.mark, undefined);
    assertEquals(listed?.handed_out, 1);
  },
);

Deno.test("a repeated bind changes the mode of the file", async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const path = scratch.join("web.sock");
  await granted(connection, { path });
  const { ino } = await Deno.lstat(path);
  for (const mode of ["0600", "0666", "640"]) {
    await granted(connection, { path, mode });
    const now = await Deno.lstat(path);
    assertEquals(now.mode! & 0o7777, parseInt(mode, 8));
    assertEquals(now.ino, ino);
    assertEquals((await rawList(connection))[0]?.options.mode, mode);
  }
});

Deno.test(
  "a repeated bind changes the owner and the group of the file",
  {
    ignore: Deno.uid() !== 0,
  },
  async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const path = scratch.join("web.sock");
    await granted(connection, { path, mode: "0640" });
    await granted(connection, { path, owner: 12345 });
    await granted(connection, { path, group: "23456" });
    const { uid, gid, mode } = await Deno.lstat(path);
    assertEquals([uid, gid, mode! & 0o7777], [12345, 23456, 0o640]);
  },
);

Deno.test("a repeated bind does not change a file that has replaced the socket", async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const path = scratch.join("web.sock");
  await granted(connection, { path, mode: "0600" });
  await Deno.remove(path);
  await Deno.writeTextFile(path, "precious", { mode: 0o640 });
  const error = await refused(connection, { path, mode: "0666" });
  assertEquals((error.data as ErrorData).code, "EADDRINUSE");
  assertEquals((await Deno.lstat(path)).mode! & 0o777, 0o640);
  await Deno.remove(path);
  await Deno.writeTextFile(scratch.join("precious"), "", { mode: 0o640 });
  await Deno.symlink(scratch.join("precious"), path);
  await refused(connection, { path, mode: "0666" });
  assertEquals(
    (await Deno.lstat(scratch.join("precious"))).mode! & 0o777,
    0o640,
  );
});
