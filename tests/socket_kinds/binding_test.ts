import { assert, assertEquals, assertThrows } from "@std/assert";
import { bind, type Binding, bindSync, connect } from "../../client.ts";
import { isCloseOnExec, isNonblocking } from "../../ffi/files/descriptor.ts";
import { lacksIpv6, socketOf } from "../support/binds/listening_socket.ts";
import { Daemon } from "../support/daemon.ts";
import { withoutLeak } from "../support/descriptor_leak.ts";
import { Scratch } from "../support/tree.ts";
import { READ } from "../support/socket_kinds/kernel_options.ts";
import { firstAnswer } from "../support/socket_kinds/stream_client.ts";

const noIpv6 = lacksIpv6();

interface Case {
  address: string;
  kind: Binding["kind"];
  transport: Deno.Addr["transport"];
  hostname?: string;
  /** The expected path. */
  path?: string;
}

/** `DIR` stands for the directory of the test. */
const CASES: Case[] = [
  {
    address: "127.0.0.1:0",
    kind: "tcp",
    transport: "tcp",
    hostname: "127.0.0.1",
  },
  { address: "tcp://[::1]:0", kind: "tcp", transport: "tcp", hostname: "::1" },
  { address: ":0", kind: "tcp", transport: "tcp", hostname: "::" },
  {
    address: "udp://127.0.0.1:0",
    kind: "udp",
    transport: "udp",
    hostname: "127.0.0.1",
  },
  {
    address: "udp://localhost:0",
    kind: "udp",
    transport: "udp",
    hostname: "127.0.0.1",
  },
  { address: "udp://[::1]:0", kind: "udp", transport: "udp", hostname: "::1" },
  { address: "udp://:0", kind: "udp", transport: "udp", hostname: "::" },
  { address: "unix:DIR/a", kind: "unix", transport: "unix", path: "DIR/a" },
  { address: "unix:@DIR/a", kind: "unix", transport: "unix", path: "@DIR/a" },
  {
    address: "seqpacket:DIR/b",
    kind: "seqpacket",
    transport: "unix",
    path: "DIR/b",
  },
  {
    address: "seqpacket:@DIR/b",
    kind: "seqpacket",
    transport: "unix",
    path: "@DIR/b",
  },
  {
    address: "unixgram:DIR/c",
    kind: "unixgram",
    transport: "unixpacket",
    path: "DIR/c",
  },
  {
    address: "unixgram:@DIR/c",
    kind: "unixgram",
    transport: "unixpacket",
    path: "@DIR/c",
  },
];

for (const { address, kind, transport, hostname, path } of CASES) {
  Deno.test(`${address} is a Binding of kind ${kind} with its address`, {
    ignore: hostname?.includes(":") === true && noIpv6,
  }, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    const { sock } = daemon;
    const asked = address.replace("DIR", scratch.path);
    await withoutLeak(async () => {
      using session = await connect({ sock });
      using one = await bind(asked, { sock });
      using two = bindSync(asked, { sock });
      using three = await session.bind(asked);
      for (const binding of [one, two, three]) {
        assertEquals(binding.kind, kind);
        assertEquals(socketOf(binding), socketOf(one));
        assertEquals(isNonblocking(binding.fd), false);
        const expected: unknown = path === undefined
          ? { transport, hostname, port: (binding.addr as Deno.NetAddr).port }
          : { transport, path: path.replace("DIR", scratch.path) };
        assertEquals(binding.addr as unknown, expected);
        if (path === undefined) {
          assert((binding.addr as Deno.NetAddr).port > 0);
        }
      }
      const [listed] = await session.list();
      assertEquals(listed?.kind, kind);
      await session.release(asked);
      assertEquals(await session.list(), []);
    });
  });
}

for (
  const address of ["udp://127.0.0.1:0", "seqpacket:DIR/a", "unixgram:DIR/a"]
) {
  Deno.test(`serve() and listen() of ${address} throw an error that says what to do instead`, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    const { sock } = daemon;
    const asked = address.replace("DIR", scratch.path);
    await withoutLeak(async () => {
      using binding = await bind(asked, { sock });
      for (
        const use of [
          () => binding.serve(() => new Response("never")),
          () => binding.listen(),
        ]
      ) {
        const error = assertThrows(use, TypeError, binding.kind);
        assert(/\bfd\b/.test(error.message), error.message);
      }
      assertEquals(binding.closed, false);
      assertEquals(isNonblocking(binding.fd), false);
    });
  });
}

Deno.test("serve() of a UNIX path answers requests", async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  using web = await bind(`unix:${scratch.join("web.sock")}`, {
    sock: daemon.sock,
  });
  const server = web.serve(() => new Response("hello"), { onListen() {} });
  const path = scratch.join("web.sock");
  const client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
  try {
    const response = await fetch("http://localhost/", { client });
    assertEquals(await response.text(), "hello");
  } finally {
    client.close();
    await server.shutdown();
  }
});

Deno.test("listen() of an abstract name accepts connections to it", async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  const name = `@${scratch.join("echo")}`;
  using echo = await bind(`unix:${name}`, { sock: daemon.sock });
  assertEquals(echo.addr as unknown, { transport: "unix", path: name });
  using listener = echo.listen();
  const served = (async () => {
    const connection = await listener.accept();
    await connection.readable.pipeTo(connection.writable);
  })();
  assertEquals(await firstAnswer(name, "ping"), "ping");
  await served;
});

Deno.test("each option of the client sets the option of the daemon", {
  ignore: Deno.uid() !== 0,
}, async () => {
  await using daemon = await Daemon.start();
  using session = await connect({ sock: daemon.sock });
  using web = await session.bind("127.0.0.1", 0, {
    backlog: 9,
    device: "lo",
    reusePort: true,
    freeBind: true,
    transparent: true,
    deferAccept: 3,
    fastOpen: 5,
    mark: 7,
    recvBuffer: 65536,
    sendBuffer: 65536,
  });
  const options = {
    backlog: 9,
    reuse_port: true,
    free_bind: true,
    transparent: true,
    defer_accept: 3,
    fast_open: 5,
    mark: 7,
    recv_buffer: 65536,
    send_buffer: 65536,
  };
  const [listed] = await session.list();
  assertEquals(listed?.options, { ...options, device: "lo" });
  assertEquals(READ.mark(web.fd, "ipv4"), 7);
  await session.release("127.0.0.1", 0, { device: "lo" });
  assertEquals(await session.list(), []);
});

Deno.test("v6only of the client is part of the address", {
  ignore: noIpv6,
}, async () => {
  await using daemon = await Daemon.start();
  using session = await connect({ sock: daemon.sock });
  using six = await session.bind("[::]:0");
  using both = await session.bind("[::]:0", { v6only: false });
  using same = await session.bind(":0");
  assertEquals(socketOf(both), socketOf(same));
  assert(socketOf(six) !== socketOf(both));
  using forced = await session.bind(":0", { v6only: true });
  assertEquals(socketOf(forced), socketOf(six));
  await session.release("[::]:0", { v6only: false });
  assertEquals((await session.list()).map(({ address }) => address), [
    "[::]:0",
  ]);
});

Deno.test("mode, owner and group of the client apply to the file", async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  const path = scratch.join("web.sock");
  for (const [mode, expected] of [[0o600, "0600"], [0o7, "0007"]] as const) {
    using web = await bind(`unix:${path}`, {
      sock: daemon.sock,
      mode,
      owner: Deno.uid() ?? 0,
      group: `${Deno.gid()}`,
    });
    assert(isCloseOnExec(web.fd) === false);
    assertEquals((await Deno.lstat(path)).mode! & 0o7777, mode);
    using session = await connect({ sock: daemon.sock });
    assertEquals((await session.list())[0]?.options.mode, expected);
  }
});
