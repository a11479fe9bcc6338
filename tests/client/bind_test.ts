import {
  assert,
  assertEquals,
  assertExists,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import {
  AddressError,
  bind,
  BindError,
  type Binding,
  bindSync,
} from "../../client.ts";
import {
  Descriptor,
  isCloseOnExec,
  isNonblocking,
} from "../../ffi/files/descriptor.ts";
import { isListening, streamSocket } from "../../ffi/sockets/socket.ts";
import type { UnixAddress } from "../../ffi/sockets/socket_address.ts";
import { Daemon } from "../support/daemon.ts";
import { withoutLeak } from "../support/descriptor_leak.ts";
import { lacks, startForeign } from "../support/foreign_program.ts";
import { descriptorsOf } from "../support/process_state.ts";

const UNNAMED: UnixAddress = { family: "unix", path: "" };

function connectTo({ addr }: Binding): Promise<Deno.TcpConn> {
  const { hostname, port } = addr as Deno.NetAddr;
  return Deno.connect({ hostname, port });
}

const FORMS: [text: string, hostname: string][] = [
  ["127.0.0.1:0", "127.0.0.1"],
  ["tcp://127.0.0.1:0", "127.0.0.1"],
  ["tcp://[::1]:0", "::1"],
  ["[0:0:0:0:0:0:0:1]:0", "::1"],
  [":0", "::"],
  ["localhost:0", "127.0.0.1"],
];

for (const [text, hostname] of FORMS) {
  Deno.test(`bind("${text}") and bindSync get the same socket, bound to ${hostname}`, async () => {
    await using daemon = await Daemon.start();
    const { sock } = daemon;
    using web = await bind(text, { sock });
    using again = bindSync(text, { sock });
    assert(web.addr.transport === "tcp");
    assertEquals(web.addr.hostname, hostname);
    assert(web.addr.port > 0);
    assertEquals(again.addr, web.addr);
    const open = await descriptorsOf(Deno.pid);
    assertEquals(open.get(again.fd), open.get(web.fd));
    assertNotEquals(again.fd, web.fd);
    assert(isListening(web.fd));
  });
}

Deno.test("host and port as two arguments get the same socket as one string", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  for (
    const [host, text] of [["127.0.0.1", "127.0.0.1:0"], ["::1", "[::1]:0"]]
  ) {
    using one = await bind(host!, 0, { sock });
    using other = bindSync(text!, { sock });
    assertEquals(one.addr, other.addr);
  }
  using bracketed = await bind("[::1]", 0, { sock });
  using bare = bindSync("::1", 0, { sock });
  assertEquals(bracketed.addr, bare.addr);
  assertEquals((await daemon.status()).binds, 2);
});

Deno.test("a connection to addr arrives at the socket", async () => {
  await using daemon = await Daemon.start();
  for (const text of ["127.0.0.1:0", "[::1]:0"]) {
    using web = await bind(text, { sock: daemon.sock });
    assert(web.addr.transport === "tcp");
    using connection = await connectTo(web);
    assertEquals(connection.remoteAddr, web.addr);
  }
});

Deno.test({
  name: "a child process inherits fd under the same number and accepts on it",
  ignore: await lacks("python3"),
  fn: async () => {
    await using daemon = await Daemon.start();
    using web = await bind("127.0.0.1", 0, { sock: daemon.sock });
    assertEquals(isCloseOnExec(web.fd), false);
    assertEquals(isNonblocking(web.fd), false);
    await using child = startForeign(
      "serve_fd.py",
      String(web.fd),
      "from the child",
    );
    await child.output.next("ready");
    assert(web.addr.transport === "tcp");
    const connection = await connectTo(web);
    const answer = await new Response(connection.readable).text();
    assertEquals(answer, "from the child\n");
  },
});

Deno.test("dup() returns another descriptor of the same socket, close-on-exec", async () => {
  await using daemon = await Daemon.start();
  using web = await bind("127.0.0.1", 0, { sock: daemon.sock });
  using copy = new Descriptor(web.dup());
  assertNotEquals(copy.fd, web.fd);
  const open = await descriptorsOf(Deno.pid);
  assertEquals(open.get(copy.fd), open.get(web.fd));
  assertEquals(isCloseOnExec(copy.fd), true);
  web.close();
  assert(isListening(copy.fd));
});

Deno.test("a second close() does nothing, and fd of a closed Binding throws", async () => {
  await using daemon = await Daemon.start();
  const web = await bind("127.0.0.1", 0, { sock: daemon.sock });
  const { fd, addr } = web;
  web.close();
  using others = new DisposableStack();
  while (others.use(streamSocket(UNNAMED)).fd < fd);
  const owner = (await descriptorsOf(Deno.pid)).get(fd);
  assertExists(owner, "the number is somebody else's now");
  web.close();
  web[Symbol.dispose]();
  assertEquals((await descriptorsOf(Deno.pid)).get(fd), owner);
  assertThrows(() => web.fd, TypeError, "closed");
  assertThrows(() => web.dup(), TypeError, "closed");
  assertEquals(web.addr, addr);
});

Deno.test("`using` closes every Binding, and no descriptor stays open", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  await withoutLeak(async () => {
    for (let count = 0; count < 20; count++) {
      using _one = await bind("127.0.0.1", 0, { sock });
      using _other = bindSync("::1", 0, { sock });
    }
  });
  assertEquals((await daemon.status()).binds, 2);
});

const NO_ADDRESSES = [
  "",
  "127.0.0.1",
  "::1:80",
  "http://x:80",
  "x:65536",
  "x:-1",
];

for (const text of NO_ADDRESSES) {
  Deno.test(`bind rejects an invalid address without a request: ${JSON.stringify(text)}`, async () => {
    const options = { sock: "/nowhere", timeout: 0 };
    await assertRejects(() => bind(text, options), AddressError);
    assertThrows(() => bindSync(text, options), AddressError);
  });
}

for (const port of [-1, 65536, 1.5, NaN]) {
  Deno.test(`bind rejects an invalid port without a request: ${port}`, async () => {
    const options = { sock: "/nowhere", timeout: 0 };
    await assertRejects(() => bind("127.0.0.1", port, options), AddressError);
    assertThrows(() => bindSync("127.0.0.1", port, options), AddressError);
  });
}

Deno.test("a BindError has the failed system call and its errno", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  await withoutLeak(async () => {
    const error = await assertRejects(
      () => bind("127.0.0.1", port, { sock }),
      BindError,
      "Could not bind: bind",
    );
    const data = { errno: 98, code: "EADDRINUSE", syscall: "bind" };
    assertEquals([error.code, error.data], [10000, data]);
    assertEquals(error.name, "BindError");
    assertThrows(() => bindSync("127.0.0.1", port, { sock }), BindError);
  });
});

Deno.test("a BindError names the invalid param", async () => {
  await using daemon = await Daemon.start();
  const error = await assertRejects(
    () => bind("127.0.0.1", 0, { sock: daemon.sock, backlog: -1 }),
    BindError,
    "backlog",
  );
  assertEquals([error.code, error.data], [-32602, undefined]);
});
