import { assertEquals } from "@std/assert";
import { abi } from "../../ffi/libc/abi.ts";
import type { Descriptor } from "../../ffi/files/descriptor.ts";
import {
  bindSocket,
  listenOn,
  newSocket,
  setOption,
} from "../../ffi/sockets/socket.ts";
import { localAddress } from "../../ffi/sockets/socket_address.ts";
import { loopbackHost } from "../support/loopback.ts";
import { cannotBecomeOthers, WEB } from "../support/policy/other_user.ts";
import { assertBinds, assertDenied } from "../support/policy/outcome.ts";
import { PolicyDaemon } from "../support/policy/policy_daemon.ts";

/** A program of root's that listens and lets root's other programs do so too. */
function listenWithReusePort(
  host: string,
  kind: "tcp" | "udp",
): { socket: Descriptor; port: number } {
  const address = { family: "ipv4", host, port: 0 } as const;
  const socket = newSocket(address, kind === "tcp" ? "stream" : "datagram");
  const { SOL_SOCKET, SO_REUSEPORT } = abi;
  setOption(socket.fd, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT");
  bindSocket(socket.fd, address);
  if (kind === "tcp") listenOn(socket.fd, 16);
  const bound = localAddress(socket.fd);
  if (bound.family === "unix") throw new TypeError("not an internet socket");
  return { socket, port: bound.port };
}

for (const kind of ["tcp", "udp"] as const) {
  Deno.test(
    `a user shares the ${kind} port of root's program only by a rule that names reuse_port`,
    {
      ignore: cannotBecomeOthers,
    },
    async () => {
      const host = loopbackHost();
      const { socket, port } = listenWithReusePort(host, kind);
      using _socket = socket;
      const scheme = kind === "tcp" ? "" : "udp://";
      const rule = { user: WEB.uid, addresses: [`${scheme}${host}:*`] };
      await using server = await PolicyDaemon.start([rule]);
      await using user = await server.as(WEB);
      const shared = { kind, address: host, port, reuse_port: true };
      await assertDenied(user, "bind", shared);
      const { answer } = await user.ask("bind", [{
        kind,
        address: host,
        port,
      }]);
      const data = answer.error?.data as { code?: string };
      assertEquals([answer.error?.code, data.code], [10000, "EADDRINUSE"]);
      await server.write({ ...rule, options: ["reuse_port"] });
      await server.reread();
      await assertBinds(user, shared);
    },
  );
}

Deno.test(
  "a user cannot set reuse_port of a held socket without a rule that names it",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    const host = loopbackHost();
    await using server = await PolicyDaemon.start([
      { user: WEB.uid, addresses: [`${host}:*`] },
    ]);
    await using user = await server.as(WEB);
    const web = { address: host, port: 0 };
    await assertBinds(user, web);
    await assertDenied(user, "bind", { ...web, reuse_port: true });
    await assertDenied(user, "bind", { ...web, reuse_port: false });
  },
);
