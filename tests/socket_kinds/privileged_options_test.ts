import { assertEquals, assertStringIncludes } from "@std/assert";
import { localAddress } from "../../ffi/sockets/socket_address.ts";
import { boundDevice } from "../../ffi/sockets/socket.ts";
import { ErrorCode } from "../../protocol.ts";
import { lacksIpv6 } from "../support/binds/listening_socket.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { assertOpen, openIn } from "../support/open_descriptors.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { READ } from "../support/socket_kinds/kernel_options.ts";
import { granted, rawList, refused } from "../support/socket_kinds/raw_bind.ts";
import { WITHOUT_NET_ADMIN } from "../support/socket_kinds/without_net_admin.ts";

const noIpv6 = lacksIpv6();
const noSetpriv = await lacks(...WITHOUT_NET_ADMIN.slice(0, 1));

for (
  const [address, option, name] of [
    ["127.0.0.1", "mark", "SO_MARK"],
    ["127.0.0.1", "transparent", "IP_TRANSPARENT"],
    ["::1", "transparent", "IPV6_TRANSPARENT"],
  ] as const
) {
  Deno.test(
    `without CAP_NET_ADMIN ${option} of ${address} fails with EPERM and names ${name}`,
    {
      ignore: noSetpriv || (address === "::1" && noIpv6),
    },
    async () => {
      await using daemon = await Daemon.start({ under: WITHOUT_NET_ADMIN });
      const before = await openIn(daemon.pid);
      {
        using connection = RawConnection.open(daemon.sock);
        for (const kind of ["tcp", "udp"]) {
          const value = option === "mark" ? 1 : true;
          const params = { kind, address, port: 0, [option]: value };
          const error = await refused(connection, params);
          assertEquals(error.code, ErrorCode.COULD_NOT_BIND);
          assertEquals(error.data, {
            errno: 1,
            code: "EPERM",
            syscall: "setsockopt",
          });
          assertStringIncludes(error.message, name);
        }
        assertEquals(await rawList(connection), []);
      }
      await assertOpen(daemon.pid, before);
    },
  );
}

for (
  const [address, family, other] of [
    ["192.0.2.1", "ipv4", "198.51.100.1"],
    ["2001:db8::1", "ipv6", "2001:db8::2"],
  ] as const
) {
  for (const kind of ["tcp", "udp"]) {
    Deno.test(
      `free_bind binds ${address}, an address of no interface: ${kind}`,
      {
        ignore: family === "ipv6" && noIpv6,
      },
      async () => {
        await using daemon = await Daemon.start({ under: WITHOUT_NET_ADMIN });
        using connection = RawConnection.open(daemon.sock);
        const params = { kind, address, port: 0 };
        const error = await refused(connection, params);
        assertEquals(
          (error.data as { code: string }).code,
          "EADDRNOTAVAIL",
        );
        const fd = await granted(connection, { ...params, free_bind: true });
        const bound = localAddress(fd);
        assertEquals(bound.family !== "unix" && bound.host, address);
        assertEquals(READ.free_bind(fd, family), 1);
        await refused(connection, { ...params, address: other });
        assertEquals((await rawList(connection)).length, 1);
      },
    );
  }
}

for (const kind of ["tcp", "udp"]) {
  Deno.test(`a socket is bound to its device: ${kind}`, async () => {
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const params = { kind, address: "127.0.0.1", port: 0, device: "lo" };
    const fd = await granted(connection, params);
    assertEquals(boundDevice(fd), "lo");
    assertEquals((await rawList(connection))[0]?.options.device, "lo");
  });

  Deno.test(`an unknown device is ENODEV: ${kind}`, async () => {
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const params = { kind, address: "127.0.0.1", port: 0, device: "nosuch0" };
    const error = await refused(connection, params);
    assertEquals(error.code, ErrorCode.COULD_NOT_BIND);
    assertEquals(error.data, {
      errno: 19,
      code: "ENODEV",
      syscall: "setsockopt",
    });
    assertStringIncludes(error.message, "nosuch0");
    assertEquals(await rawList(connection), []);
  });
}

Deno.test(
  "with CAP_NET_ADMIN a transparent socket binds an address of no interface",
  {
    ignore: Deno.uid() !== 0,
  },
  async () => {
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const params = { address: "192.0.2.1", port: 0, transparent: true };
    const fd = await granted(connection, params);
    const bound = localAddress(fd);
    assertEquals(bound.family !== "unix" && bound.host, "192.0.2.1");
  },
);
