import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  AddressError,
  bindAll,
  BindError,
  type Binding,
  connect,
  ErrorCode,
  type SocketRequest,
} from "../../client.ts";
import { Daemon } from "../support/daemon.ts";
import { withoutLeak } from "../support/descriptor_leak.ts";
import { Scratch } from "../support/tree.ts";

function closeAll(bindings: readonly Binding[]): void {
  for (const binding of bindings) binding.close();
}

Deno.test("bindAll returns the sockets in order for every form of request", async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  await withoutLeak(async () => {
    using session = await connect({ sock: daemon.sock });
    const wanted = [
      "127.0.0.1:0",
      { address: "udp://127.0.0.1:0" },
      { address: "127.0.0.2", port: 0, backlog: 9 },
      { address: "localhost", port: 0 },
      { address: "udp://127.0.0.2", port: 0 },
      { address: `unix:${scratch.join("a")}`, mode: 0o600 },
      `unixgram:@${scratch.join("b")}`,
    ];
    for (
      const bindings of [
        await bindAll(wanted, { sock: daemon.sock }),
        await session.bindAll(wanted),
      ]
    ) {
      assertEquals(
        bindings.map(({ kind, addr }) => [
          kind,
          "path" in addr ? addr.path : (addr as Deno.NetAddr).hostname,
        ]),
        [
          ["tcp", "127.0.0.1"],
          ["udp", "127.0.0.1"],
          ["tcp", "127.0.0.2"],
          ["tcp", "127.0.0.1"],
          ["udp", "127.0.0.2"],
          ["unix", scratch.join("a")],
          ["unixgram", `@${scratch.join("b")}`],
        ],
      );
      closeAll(bindings);
    }
    const listed = await session.list();
    assertEquals(listed.map(({ handed_out }) => handed_out), [
      4,
      2,
      2,
      2,
      2,
      2,
    ]);
    assertEquals(listed[2]?.options.backlog, 9);
    assertEquals((await Deno.lstat(scratch.join("a"))).mode! & 0o777, 0o600);
  });
});

Deno.test("bindAll of an empty array returns an empty array", async () => {
  await using daemon = await Daemon.start();
  assertEquals(await bindAll([], { sock: daemon.sock }), []);
});

Deno.test("bindAll gets 253 sockets, the limit of unix(7)", async () => {
  await using daemon = await Daemon.start();
  await withoutLeak(async () => {
    const wanted = Array.from(
      { length: 253 },
      (_, index) => `udp://127.0.1.${index}:0`,
    );
    const bindings = await bindAll(wanted, { sock: daemon.sock });
    assertEquals(
      bindings.map(({ addr }) => (addr as Deno.NetAddr).hostname),
      wanted.map((_, index) => `127.0.1.${index}`),
    );
    closeAll(bindings);
  });
});

Deno.test("bindAll of 254 sockets is a RangeError and sends no request", async () => {
  await using daemon = await Daemon.start();
  const wanted = Array<string>(254).fill("127.0.0.1:0");
  await assertRejects(
    () => bindAll(wanted, { sock: daemon.sock }),
    RangeError,
    "253",
  );
  using session = await connect({ sock: daemon.sock });
  await assertRejects(async () => await session.bindAll(wanted), RangeError);
  assertEquals((await session.status()).binds, 0);
});

for (
  const wrong of [
    "127.0.0.1",
    "sctp://127.0.0.1:80",
    { address: "127.0.0.1:80", port: -1 },
    { address: "127.0.0.1", port: 65536 },
  ]
) {
  Deno.test(`bindAll with ${JSON.stringify(wrong)} is an AddressError and sends no request`, async () => {
    await using daemon = await Daemon.start();
    await assertRejects(
      () => bindAll(["127.0.0.1:0", wrong], { sock: daemon.sock }),
      AddressError,
    );
    assertEquals((await daemon.status()).binds, 0);
  });
}

for (const position of [0, 1, 2]) {
  Deno.test(`bindAll throws the error of the bind that made the others fail: number ${position}`, async () => {
    await using daemon = await Daemon.start();
    await withoutLeak(async () => {
      using session = await connect({ sock: daemon.sock });
      const wanted = ["127.0.0.1:0", "127.0.0.2:0"];
      const error = await assertRejects(
        () => session.bindAll(wanted.toSpliced(position, 0, "192.0.2.1:80")),
        BindError,
      );
      assertEquals(error.code, ErrorCode.COULD_NOT_BIND);
      assertStringIncludes(error.message, "192.0.2.1:80");
      assertEquals(error.data, {
        errno: 99,
        code: "EADDRNOTAVAIL",
        syscall: "bind",
      });
      assertEquals((await session.status()).binds, 0);
      closeAll(await session.bindAll(wanted));
      assertEquals((await session.status()).binds, 2);
    });
  });
}

Deno.test("an error of bindAll names its address once", async () => {
  await using daemon = await Daemon.start();
  using session = await connect({ sock: daemon.sock });
  const failing = async (request: string | SocketRequest) => {
    const { code, message } = await assertRejects(
      () => session.bindAll(["127.0.0.1:0", request]),
      BindError,
    );
    return [code, message];
  };
  const [code, message] = await failing({
    address: "::1",
    port: 1,
    mode: 0o600,
  });
  assertEquals(code, ErrorCode.INVALID_PARAMS);
  assertMatch(`${message}`, /^\[::1\]:1: Invalid params: option mode is for /);
  assertEquals((await failing("192.0.2.1:80"))[0], ErrorCode.COULD_NOT_BIND);
  const [, named] = await failing("192.0.2.1:80");
  assertMatch(`${named}`, /^Could not bind: bind 192\.0\.2\.1:80: /);
  const [, path] = await failing("unix:/nowhere/x");
  assertMatch(`${path}`, /\/nowhere/);
});

Deno.test("bindAll throws the first error of several", async () => {
  await using daemon = await Daemon.start();
  using session = await connect({ sock: daemon.sock });
  const error = await assertRejects(
    () =>
      session.bindAll([
        "127.0.0.1:0",
        { address: "127.0.0.2:0", backlog: -1 },
        "192.0.2.1:80",
      ]),
    BindError,
  );
  assertEquals(error.code, ErrorCode.INVALID_PARAMS);
});

Deno.test("bindAll is a BindError if the request is too long, and the session stays usable", async () => {
  await using daemon = await Daemon.start();
  using session = await connect({ sock: daemon.sock });
  const wanted = Array.from({ length: 253 }, (_, index) => ({
    address: `unix:@${"x".repeat(90)}${index}`,
    backlog: 1000,
    recvBuffer: 1_000_000,
    sendBuffer: 1_000_000,
  }));
  const error = await assertRejects(() => session.bindAll(wanted), BindError);
  assertEquals(error.code, ErrorCode.INVALID_REQUEST);
  assertEquals((await session.status()).binds, 0);
});
