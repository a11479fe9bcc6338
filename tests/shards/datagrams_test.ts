import { assert, assertEquals } from "@std/assert";
import { bind, type Binding } from "../../client.ts";
import {
  newSocket,
  receive,
  send,
  tryConnect,
} from "../../ffi/sockets/socket.ts";
import { lacksIpv6 } from "../support/binds/listening_socket.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";

const ignore = lacksIpv6();

/** Receives `count` datagrams: how many each socket got. */
async function received(
  sockets: readonly Binding[],
  count: number,
): Promise<number[]> {
  const counts = sockets.map(() => 0);
  const bytes = new Uint8Array(16);
  await eventually(() => `${count} datagrams: ${counts}`, () => {
    for (const [index, { fd }] of sockets.entries()) {
      while (receive(fd, bytes) !== -1) counts[index]!++;
    }
    return counts.reduce((sum, each) => sum + each) >= count;
  });
  return counts;
}

/** Sends datagrams from several sockets, each `times`. */
function sendTo(
  host: string,
  { addr }: Binding,
  senders: number,
  times: number,
): void {
  assert(addr.transport === "udp");
  const { port } = addr;
  for (let sender = 0; sender < senders; sender++) {
    const family = host.includes(":") ? "ipv6" : "ipv4";
    using from = newSocket({ family }, "datagram");
    assertEquals(tryConnect(from.fd, { family, host, port }), 0);
    for (let time = 0; time < times; time++) send(from.fd, Uint8Array.of(1));
  }
}

for (
  const [address, ...hosts] of [
    ["udp://127.0.0.1:0", "127.0.0.1"],
    ["udp://[::1]:0", "::1"],
    ["udp://:0", "127.0.0.1", "::1"],
  ] as const
) {
  Deno.test(
    `a prepared and a retired socket of ${address} get no datagram, and a sender stays with one socket`,
    { ignore: ignore && address !== "udp://127.0.0.1:0" },
    async () => {
      await using daemon = await Daemon.start();
      const { sock } = daemon;
      const ask = (shard: number, shards: number) =>
        bind(address, { sock, shard, shards });
      using zero = await ask(0, 1);
      using one = await ask(1, 2);
      using two = await ask(2, 2);
      const counts = (sent: number) => received([zero, one, two], sent);
      for (const host of hosts) {
        sendTo(host, zero, 40, 1);
        const [at0 = 0, at1 = 0, at2] = await counts(40);
        assertEquals([at0 + at1, at2], [40, 0]);
        assert(at0 >= 6 && at1 >= 6, `${at0}, ${at1}`);
        for (let round = 0; round < 5; round++) {
          sendTo(host, zero, 1, 10);
          assertEquals((await counts(10)).sort((a, b) => a - b), [0, 0, 10]);
        }
      }
      (await ask(0, 1)).close();
      for (const host of hosts) {
        sendTo(host, zero, 20, 1);
        assertEquals(await counts(20), [20, 0, 0]);
      }
      (await ask(0, 3)).close();
      for (const host of hosts) {
        sendTo(host, zero, 60, 1);
        const all = await counts(60);
        assertEquals(all.reduce((sum, each) => sum + each), 60);
        assert(all.every((each) => each >= 5), `${all}`);
      }
    },
  );
}
