import { createSocket } from "node:dgram";
import { assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { receive } from "../../ffi/sockets/socket.ts";
import { localAddress } from "../../ffi/sockets/socket_address.ts";
import type { BindParams } from "../../protocol.ts";
import { lacksIpv6 } from "../support/binds/listening_socket.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks, runForeign, startForeign } from "../support/foreign_program.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { Scratch } from "../support/tree.ts";
import { type Place, PLACES } from "../support/socket_kinds/places.ts";
import { granted } from "../support/socket_kinds/raw_bind.ts";

const noIpv6 = lacksIpv6();
const noPython = await lacks("python3");

function ignored({ family }: Place): boolean {
  return noPython || (family === "ipv6" && noIpv6);
}

/** The address of the socket for send.py. */
async function findIt(sock: string, params: BindParams): Promise<string> {
  using connection = RawConnection.open(sock);
  const bound = localAddress(await granted(connection, params));
  if (bound.family === "unix") return bound.path;
  const host = bound.host === "::" ? "::1" : bound.host;
  return bound.family === "ipv6"
    ? `[${host}]:${bound.port}`
    : `${host}:${bound.port}`;
}

async function answersTo(
  kind: string,
  address: string,
  messages: string[],
): Promise<unknown[]> {
  const { code, answers } = await runForeign(
    "send.py",
    kind,
    address,
    ...messages,
  );
  assertEquals(code, 0);
  return answers.map(({ answer }) => answer);
}

for (const place of PLACES) {
  const { name, kind } = place;
  Deno.test(
    `Python programs serve on the socket before and after a re-exec and without the daemon: ${name}`,
    {
      ignore: ignored(place),
    },
    async () => {
      await using scratch = await Scratch.make();
      await using daemon = await Daemon.start();
      const { sock } = daemon;
      const params = place.params(scratch, "socket");
      const address = await findIt(sock, params);
      await using service = startForeign(
        "datagrams.py",
        sock,
        JSON.stringify(params),
        "3",
        "--answer",
      );
      const ready = JSON.parse(await service.output.next("ready"));
      assertEquals(ready.blocking, true);
      assertEquals(await answersTo(kind, address, ["one"]), ["ONE"]);
      await daemon.reexec();
      assertEquals(await findIt(sock, params), address);
      assertEquals(await answersTo(kind, address, ["two"]), ["TWO"]);
      await daemon.stop();
      assertEquals(await answersTo(kind, address, ["three"]), ["THREE"]);
      assertEquals((await service.end()).code, 0);
    },
  );

  Deno.test(`the next holder gets what waits when a holder exits: ${name}`, {
    ignore: ignored(place),
  }, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    const { sock } = daemon;
    const params = place.params(scratch, "socket");
    const address = await findIt(sock, params);
    const messages = ["a", "b", "c", "d"];
    const sending = answersTo(kind, address, messages);
    for (const message of messages) {
      const { code, answers } = await runForeign(
        "datagrams.py",
        sock,
        JSON.stringify(params),
        "1",
        "--answer",
      );
      assertEquals(code, 0);
      assertEquals(answers.at(-1), { message });
    }
    assertEquals(await sending, ["A", "B", "C", "D"]);
  });

  Deno.test(`two holders share connections or messages: ${name}`, {
    ignore: ignored(place),
  }, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    const { sock } = daemon;
    const params = place.params(scratch, "socket");
    const address = await findIt(sock, params);
    const args = [sock, JSON.stringify(params), "5", "--answer"];
    await using one = startForeign("datagrams.py", ...args);
    await using other = startForeign("datagrams.py", ...args);
    await one.output.next("ready");
    await other.output.next("ready");
    const messages = Array.from({ length: 10 }, (_, index) => `m${index}`);
    const answers = await answersTo(kind, address, messages);
    assertEquals(answers, messages.map((each) => each.toUpperCase()));
    const taken: string[] = [];
    for (const holder of [one, other]) {
      const { code, output } = await holder.end();
      assertEquals(code, 0);
      const lines = output.trim().split("\n").map((line) => JSON.parse(line));
      taken.push(...lines.flatMap(({ message }) => message ?? []));
    }
    assertEquals(taken.toSorted(), messages.toSorted());
  });
}

Deno.test("no datagram is lost during a re-exec", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using socket = await bind("udp://127.0.0.1:0", { sock });
  const { port } = socket.addr as Deno.NetAddr;
  const sender = createSocket("udp4");
  try {
    const count = 100;
    const sent = (async () => {
      for (let number = 0; number < count; number++) {
        const { promise, resolve } = Promise.withResolvers<unknown>();
        sender.send(Uint8Array.of(number), port, "127.0.0.1", resolve);
        assertEquals(await promise, null);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    await daemon.reexec();
    await daemon.reexec();
    await sent;
    using again = await bind("udp://127.0.0.1:0", { sock });
    const { fd } = again;
    const got = new Set<number>();
    const byte = new Uint8Array(1);
    while (receive(fd, byte) === 1) got.add(byte[0]!);
    assertEquals(got.size, count);
  } finally {
    sender.close();
  }
});
