import { assert, assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import {
  lacksIpv6,
  socketOf,
  tcpAddress,
} from "../support/binds/listening_socket.ts";
import { PATIENCE } from "../support/eventually.ts";
import { OwnPort } from "../support/loopback.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";
import { lacksSystemd } from "../support/systemd/machine.ts";
import { listenersOn, Queue } from "../support/systemd/queue.ts";
import { Service } from "../support/systemd/service.ts";

const withSystemd = { ignore: await lacksSystemd() };

Deno.test(
  "twenty kill -9 of the daemon lose no socket and no waiting connection",
  withSystemd,
  async () => {
    await using service = await Service.start();
    const { sock } = service;
    const { port, socket } = await service.held();
    const control = (await Deno.lstat(sock)).ino;
    const pids = new Set([(await service.status()).pid]);
    for (let kill = 1; kill <= 20; kill++) {
      await using queue = new Queue(port);
      await queue.grows(5);
      await service.kill();
      await queue.join();
      using waiting = RawConnection.open(sock);
      await waiting.send(requestText(kill, "status"));
      const { id, result } = await waiting.answer();
      assertEquals(id, kill);
      assert(result !== undefined);
      await queue.grows(5);
      pids.add((await service.status()).pid);
      using web = await bind("127.0.0.1", 0, { sock, timeout: PATIENCE });
      assertEquals(tcpAddress(web).port, port);
      assertEquals(socketOf(web), socket);
      assertEquals(await listenersOn(port), 1);
      assertEquals((await Deno.lstat(sock)).ino, control);
      const answers = await queue.serve(web, `${kill}`);
      assertEquals(answers, answers.map(() => `${kill}`));
    }
    assertEquals(pids.size, 21);
    const { binds, generation } = await service.status();
    assertEquals({ binds, generation }, { binds: 1, generation: 1 });
    assertEquals(await service.property("NRestarts"), "20");
    assertEquals(await service.property("NFileDescriptorStore"), "2");
  },
);

Deno.test({
  name: "sockets of every kind of address are restored after kill -9",
  ignore: withSystemd.ignore || lacksIpv6(),
  fn: async () => {
    await using service = await Service.start();
    const { sock } = service;
    using own = OwnPort.take();
    const { number: port } = own;
    const asked = [
      `127.0.0.2:${port}`,
      "127.0.0.1:0",
      "0.0.0.0:0",
      "[::1]:0",
      "[::]:0",
      ":0",
    ];
    const ask = async () => {
      const sockets: Record<string, string> = {};
      for (const address of asked) {
        using binding = await bind(address, { sock, timeout: PATIENCE });
        sockets[address] = socketOf(binding);
      }
      return sockets;
    };
    const before = await ask();
    assertEquals(new Set(Object.values(before)).size, asked.length);
    for (let kill = 0; kill < 3; kill++) {
      await service.kill();
      assertEquals(await ask(), before);
      assertEquals((await service.status()).binds, asked.length);
    }
    const stored = await service.property("NFileDescriptorStore");
    assertEquals(stored, `${1 + asked.length}`);
  },
});

/** Replaces the control socket, kills the daemon and binds again: the log. */
async function logAfter(
  replace: (sock: string) => Promise<void>,
): Promise<string> {
  await using service = await Service.start();
  const { sock } = service;
  const { socket } = await service.held();
  await Deno.rename(sock, `${sock}.away`);
  await replace(sock);
  await service.kill();
  using web = await bind("127.0.0.1", 0, { sock, timeout: PATIENCE });
  assertEquals(socketOf(web), socket);
  await service.becomes("NFileDescriptorStore", "2");
  return await service.machine.journal(service.unit);
}

Deno.test(
  "a control socket whose path was removed is replaced after kill -9, and the binds stay",
  withSystemd,
  async () => {
    const log = await logAfter(async () => {});
    const line = log.split("\n").find((each) => each.includes("ignored"));
    assert(line?.includes("was replaced"), log);
  },
);

Deno.test(
  "a dead socket at the control socket's path is replaced after kill -9, and the binds stay",
  withSystemd,
  async () => {
    const log = await logAfter(async (sock) => {
      const other = Deno.listen({ transport: "unix", path: `${sock}.other` });
      await Deno.rename(`${sock}.other`, sock);
      other.close();
    });
    assert(log.includes("was replaced"), log);
    assert(log.includes("Removed existing control socket"), log);
  },
);
