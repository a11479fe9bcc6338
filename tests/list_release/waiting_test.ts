import { assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { newSocket, tryConnect } from "../../ffi/sockets/socket.ts";
import { socketOf, tcpAddress } from "../support/binds/listening_socket.ts";
import { Daemon } from "../support/daemon.ts";
import { Scratch } from "../support/tree.ts";
import { listOf } from "../support/list_release/wire.ts";

async function waiting(sock: string): Promise<(number | undefined)[]> {
  return (await listOf(sock)).map(({ waiting }) => waiting);
}

Deno.test("list counts the connections that wait at a TCP socket", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using web = await bind("127.0.0.1", 0, { sock });
  (await bind("127.0.0.2", 0, { sock })).close();
  using stack = new DisposableStack();
  for (const expected of [1, 2, 3]) {
    stack.use(await Deno.connect(tcpAddress(web)));
    assertEquals(await waiting(sock), [expected, 0]);
  }
  await daemon.reexec();
  assertEquals(await waiting(sock), [3, 0]);
  using listener = web.listen();
  (await listener.accept()).close();
  assertEquals((await waiting(sock))[1], 0);
});

for (const kind of ["unix", "seqpacket"] as const) {
  Deno.test(`list counts the connections that wait at a ${kind} socket`, async () => {
    await using daemon = await Daemon.start();
    await using scratch = await Scratch.make();
    const { sock } = daemon;
    const path = scratch.join("web.sock");
    (await bind(`${kind}:${path}`, { sock })).close();
    const address = { family: "unix", path } as const;
    using stack = new DisposableStack();
    for (const expected of [1, 2, 3]) {
      const type = kind === "unix" ? "stream" : "seqpacket";
      const socket = stack.use(newSocket(address, type));
      assertEquals(tryConnect(socket.fd, address), 0);
      assertEquals(await waiting(sock), [expected]);
    }
  });
}

Deno.test("list has no waiting count for a socket without an accept queue", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  (await bind("udp://127.0.0.1:0", { sock })).close();
  (await bind(`unixgram:@multibinder-${crypto.randomUUID()}`, { sock }))
    .close();
  assertEquals(await waiting(sock), [undefined, undefined]);
});

Deno.test("list has the inode of the socket, the same in every process", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using web = await bind("127.0.0.1", 0, { sock });
  const [held] = await listOf(sock);
  assertEquals(`socket:[${held?.inode}]`, socketOf(web));
});
