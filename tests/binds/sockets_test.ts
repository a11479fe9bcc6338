import { assert, assertEquals } from "@std/assert";
import { bind, type Binding } from "../../client.ts";
import { abi } from "../../ffi/libc/abi.ts";
import { isNonblocking } from "../../ffi/files/descriptor.ts";
import { getOption, isListening } from "../../ffi/sockets/socket.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import {
  lacksIpv6,
  tcpAddress,
  waitingAt,
} from "../support/binds/listening_socket.ts";

const ignore = lacksIpv6();

/** Connects; the kernel completes the handshake before accept(2). */
async function connectTo(web: Binding, hostname: string): Promise<void> {
  const { port } = tcpAddress(web);
  (await Deno.connect({ hostname, port })).close();
}

function isV6Only({ fd }: Binding): boolean {
  return getOption(fd, abi.IPPROTO_IPV6, abi.IPV6_V6ONLY) === 1;
}

Deno.test("bind binds an IPv4 address", async () => {
  await using daemon = await Daemon.start();
  using web = await bind("127.0.0.1", 0, { sock: daemon.sock });
  const { hostname, port } = tcpAddress(web);
  assertEquals(hostname, "127.0.0.1");
  assert(port > 0);
  await connectTo(web, "127.0.0.1");
});

Deno.test(
  "a socket on an IPv6 address accepts only IPv6",
  { ignore },
  async () => {
    await using daemon = await Daemon.start();
    using web = await bind("[::1]:0", { sock: daemon.sock });
    assertEquals(tcpAddress(web).hostname, "::1");
    assert(isV6Only(web));
    await connectTo(web, "::1");
  },
);

Deno.test(
  "a socket on [::] accepts only IPv6",
  { ignore },
  async () => {
    await using daemon = await Daemon.start();
    using web = await bind("[::]:0", { sock: daemon.sock });
    assert(isV6Only(web));
    await connectTo(web, "::1");
  },
);

Deno.test(
  ":PORT is one socket that accepts IPv4 and IPv6",
  { ignore },
  async () => {
    await using daemon = await Daemon.start();
    using web = await bind(":0", { sock: daemon.sock });
    assertEquals(tcpAddress(web).hostname, "::");
    await connectTo(web, "127.0.0.1");
    await connectTo(web, "::1");
    await eventually("2 that wait", () => waitingAt(web) === 2);
  },
);

Deno.test(
  "with v6only: false an IPv6 socket accepts IPv4",
  { ignore },
  async () => {
    await using daemon = await Daemon.start();
    const { sock } = daemon;
    using both = await bind("[::]:0", { sock, v6only: false });
    assert(!isV6Only(both));
    await connectTo(both, "127.0.0.1");
  },
);

Deno.test("bind of localhost binds its IPv4 address", async () => {
  await using daemon = await Daemon.start();
  using web = await bind("localhost", 0, { sock: daemon.sock });
  assertEquals(tcpAddress(web).hostname, "127.0.0.1");
});

for (const address of ["127.0.0.1:0", "[::1]:0", ":0"]) {
  const usesIpv6 = address !== "127.0.0.1:0";
  Deno.test(`the socket of ${address} listens, blocks and has SO_REUSEADDR`, {
    ignore: usesIpv6 && ignore,
  }, async () => {
    await using daemon = await Daemon.start();
    using web = await bind(address, { sock: daemon.sock });
    assert(isListening(web.fd));
    assert(!isNonblocking(web.fd));
    assertEquals(getOption(web.fd, abi.SOL_SOCKET, abi.SO_REUSEADDR), 1);
  });
}
