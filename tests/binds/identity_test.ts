import { assertEquals, assertNotEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { Daemon } from "../support/daemon.ts";
import {
  assertSameSocket,
  lacksIpv6,
  socketOf,
} from "../support/binds/listening_socket.ts";

const ignore = lacksIpv6();

Deno.test("two clients that bind one address get the same socket", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using first = await bind("127.0.0.1", 0, { sock });
  using second = await bind("127.0.0.1", 0, { sock });
  assertSameSocket(first, second);
});

Deno.test("the daemon keeps the socket when its clients close it", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  const first = await bind("127.0.0.1", 0, { sock });
  const name = socketOf(first);
  first.close();
  using second = await bind("127.0.0.1", 0, { sock });
  assertEquals(socketOf(second), name);
});

Deno.test("port 0 is one bind: a second bind gets the same port", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using first = await bind("127.0.0.1", 0, { sock });
  using second = await bind("127.0.0.1", 0, { sock });
  assertEquals(second.addr, first.addr);
  assertEquals((await daemon.status()).binds, 1);
});

for (
  const [one, other] of [
    ["[::1]:0", "[0:0:0:0:0:0:0:1]:0"],
    [":0", "tcp://:0"],
  ] as const
) {
  Deno.test(`${one} and ${other} are one bind`, { ignore }, async () => {
    await using daemon = await Daemon.start();
    const { sock } = daemon;
    using first = await bind(one, { sock });
    using second = await bind(other, { sock });
    assertSameSocket(first, second);
    assertEquals((await daemon.status()).binds, 1);
  });
}

Deno.test("a name and its address are one bind", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using byName = await bind("localhost", 0, { sock });
  using byNumber = await bind("127.0.0.1", 0, { sock });
  assertSameSocket(byName, byNumber);
});

Deno.test("concurrent binds of one name are one bind", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  const asked = Array.from(
    { length: 20 },
    () => bind("localhost", 0, { sock }),
  );
  const bindings = await Promise.all(asked);
  try {
    assertEquals(new Set(bindings.map(socketOf)).size, 1);
    assertEquals((await daemon.status()).binds, 1);
  } finally {
    for (const binding of bindings) binding.close();
  }
});

for (
  const [one, other] of [
    ["127.0.0.1:0", "127.0.0.2:0"],
    ["127.0.0.1:0", "0.0.0.0:0"],
    ["[::]:0", ":0"],
    ["[::1]:0", "127.0.0.1:0"],
  ] as const
) {
  const usesIpv6 = one.startsWith("[");
  Deno.test(`${one} and ${other} are two binds`, {
    ignore: usesIpv6 && ignore,
  }, async () => {
    await using daemon = await Daemon.start();
    const { sock } = daemon;
    using first = await bind(one, { sock });
    using second = await bind(other, { sock });
    assertNotEquals(socketOf(first), socketOf(second));
    assertEquals((await daemon.status()).binds, 2);
  });
}
