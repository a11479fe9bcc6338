import { assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { socketOf, tcpAddress } from "../support/binds/listening_socket.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { BindLoad } from "../support/upgrade/bind_load.ts";
import { ControlLoad } from "../support/takeover/control_load.ts";
import {
  daemonWithoutList,
  olderDaemon,
  type OldServer,
  rubyServer,
} from "../support/takeover/old_server.ts";
import { ServiceLoad } from "../support/takeover/service_load.ts";

const noRuby = await lacks("ruby");

/** A kind of server to take over from. */
interface Kind {
  name: string;
  ignore: boolean;
  start(): Promise<OldServer>;
  /** The option for the addresses that are held. */
  option(addresses: string[]): string[];
}

const KINDS: Kind[] = [
  {
    name: "an older daemon",
    ignore: false,
    start: () => olderDaemon(),
    option: () => ["--takeover"],
  },
  {
    name: "a daemon that cannot list",
    ignore: false,
    start: daemonWithoutList,
    option: (addresses) => [`--takeover=${addresses.join(",")}`],
  },
  {
    name: "a Ruby server",
    ignore: noRuby,
    start: rubyServer,
    option: (addresses) => [`--takeover=${addresses.join(",")}`],
  },
];

for (const { name, ignore, start, option } of KINDS) {
  Deno.test({
    name:
      `a takeover from ${name} under load keeps the sockets and refuses no client`,
    ignore,
    fn: async () => {
      await using old = await start();
      const { sock } = old;
      using one = await bind("127.0.0.1", 0, { sock });
      using two = await bind("127.0.0.2", 0, { sock });
      const before = [socketOf(one), socketOf(two)];
      const file = (await Deno.lstat(sock)).ino;
      const ask = async () => {
        using first = await bind("127.0.0.1", 0, { sock });
        using second = await bind("127.0.0.2", 0, { sock });
        return [socketOf(first), socketOf(second)];
      };
      await using binds = new BindLoad(sock, 2);
      await using control = new ControlLoad(sock, 3, "127.0.0.2", 0);
      await using service = new ServiceLoad(one, 3);
      const all = async (count: number) => {
        await binds.times(count);
        await control.times(count);
        await service.times(count);
      };
      await all(20);
      await using daemon = await Daemon.start({
        sock,
        args: [
          ...option(["127.0.0.1:0", "127.0.0.2:0"]),
          "--log-level",
          "warn",
        ],
      });
      await all(20);
      assertEquals((await daemon.status()).pid, daemon.pid);
      assertEquals((await daemon.status()).binds, 2);
      assertEquals(await ask(), before);
      old.program.signal("SIGKILL");
      await old.program.end();
      await all(20);
      await daemon.reexec();
      await all(20);
      await Promise.all([binds.stop(), control.stop(), service.stop()]);
      assertEquals(await ask(), before);
      assertEquals(binds.sockets, new Set([before[0]!]));
      const moved = (await Deno.lstat(sock)).ino;
      assertEquals(moved === file, false);
      const { code } = await daemon.stop();
      assertEquals(code, 0);
      assertEquals(
        [...Deno.readDirSync(sock.slice(0, sock.lastIndexOf("/")))]
          .filter(({ name }) => name.startsWith("control.sock")),
        [],
      );
    },
  });
}

Deno.test("an old daemon that is stopped with SIGTERM after a takeover leaves the path", async () => {
  await using old = await olderDaemon();
  const { sock } = old;
  const first = await bind("127.0.0.1", 0, { sock });
  const socket = socketOf(first);
  first.close();
  await using daemon = await Daemon.start({ sock, args: ["--takeover"] });
  old.program.signal("SIGTERM");
  assertEquals((await old.program.end()).code, 0);
  using web = await bind("127.0.0.1", 0, { sock });
  assertEquals(socketOf(web), socket);
  assertEquals((await daemon.status()).binds, 1);
});

Deno.test("--takeover without a server on the path has no effect", async () => {
  await using daemon = await Daemon.start({ args: ["--takeover"] });
  assertEquals((await daemon.status()).binds, 0);
  (await bind("127.0.0.1", 0, { sock: daemon.sock })).close();
  await daemon.stop();
});

Deno.test("a chain of takeovers keeps the same socket", async () => {
  await using first = await Daemon.start();
  const { sock } = first;
  const web = await bind(":0", { sock });
  const socket = socketOf(web);
  const { port } = tcpAddress(web);
  web.close();
  await using second = await Daemon.start({ sock, args: ["--takeover"] });
  await first.stop();
  await using third = await Daemon.start({ sock, args: ["--takeover"] });
  await second.stop();
  using again = await bind(":0", { sock });
  assertEquals(socketOf(again), socket);
  (await Deno.connect({ hostname: "127.0.0.1", port })).close();
  assertEquals((await third.status()).binds, 1);
});
