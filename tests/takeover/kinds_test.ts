import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../client.ts";
import {
  type BindDescription,
  type BindParams,
  ErrorCode,
} from "../../protocol.ts";
import { lacksIpv6 } from "../support/binds/listening_socket.ts";
import { Daemon } from "../support/daemon.ts";
import { PLACES } from "../support/socket_kinds/places.ts";
import {
  granted,
  rawList,
  rawRelease,
  refused,
} from "../support/socket_kinds/raw_bind.ts";
import { boundAt } from "../support/socket_kinds/unix_sockets.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { Scratch } from "../support/tree.ts";

const noIpv6 = lacksIpv6();

/** Fields that a takeover does not change. */
function lasting({ address, kind, options, inode }: BindDescription) {
  return { address, kind, options, inode };
}

/** Runs `action` with a daemon that holds `binds` and one that took over. */
async function takenOver(
  binds: BindParams[],
  sock: string,
  between: () => Promise<void>,
  afterwards: (
    connection: RawConnection,
    before: BindDescription[],
  ) => Promise<void>,
): Promise<void> {
  await using old = await Daemon.start({ sock });
  using first = RawConnection.open(sock);
  for (const params of binds) await granted(first, params);
  const before = await rawList(first);
  await between();
  await using _daemon = await Daemon.start({ sock, args: ["--takeover"] });
  assertEquals((await old.stop()).code, 0);
  using connection = RawConnection.open(sock);
  await afterwards(connection, before);
}

Deno.test("a takeover from a daemon keeps every kind of socket with its options and its file", async () => {
  await using scratch = await Scratch.make();
  const places = PLACES.filter(({ family }) => !(noIpv6 && family === "ipv6"));
  const binds: BindParams[] = [
    ...places.map((place, index) => place.params(scratch, `${index}.sock`)),
    {
      address: "127.0.0.2",
      port: 0,
      device: "lo",
      backlog: 9,
      reuse_port: true,
      free_bind: true,
      defer_accept: 3,
      recv_buffer: 65536,
    },
    {
      path: scratch.join("mode.sock"),
      mode: "0600",
      owner: Deno.uid()!,
      group: Deno.gid()!,
    },
    { path: `@${scratch.path}/odd\nname` },
  ];
  const sock = scratch.join("control.sock");
  const files = () =>
    [...Deno.readDirSync(scratch.path)].map(({ name }) => name)
      .filter((name) => name !== "control.sock").toSorted();
  let made: string[] = [];
  await takenOver(
    binds,
    sock,
    async () => {
      made = files();
      await Promise.resolve();
    },
    async (connection, before) => {
      assertEquals(
        (await rawList(connection)).map(lasting),
        before.map(lasting),
      );
      assertEquals(files(), made);
      for (const params of binds) await rawRelease(connection, params);
      assertEquals(files(), []);
    },
  );
});

Deno.test("a takeover leaves a file that has replaced a socket, and so does the next bind", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("web.sock");
  using stack = new DisposableStack();
  let ino: number | null = null;
  await takenOver(
    [{ path }, { address: "127.0.0.1", port: 0 }],
    scratch.join("control.sock"),
    async () => {
      await Deno.remove(path);
      stack.use(boundAt(path, "unix"));
      ino = (await Deno.lstat(path)).ino;
    },
    async (connection, before) => {
      assertEquals(
        (await rawList(connection)).map(lasting),
        before.map(lasting),
      );
      const { code, data } = await refused(connection, { path });
      const { damage } = data as { damage?: unknown };
      assertEquals({ code, damage }, {
        code: ErrorCode.COULD_NOT_BIND,
        damage: "its path was removed or replaced",
      });
      assertEquals((await Deno.lstat(path)).ino, ino);
    },
  );
});

Deno.test("a path that was removed is there again after a takeover and a bind, and a release removes it", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("web.sock");
  await takenOver(
    [{ path }, { kind: "unixgram", path: scratch.join("log.sock") }],
    scratch.join("control.sock"),
    () => Deno.remove(path),
    async (connection, before) => {
      const after = await rawList(connection);
      assertEquals(
        after.map(({ address }) => address),
        before.map(({ address }) => address),
      );
      await granted(connection, { path });
      assert((await Deno.lstat(path)).isSocket);
      await rawRelease(connection, { path });
      await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
    },
  );
});

Deno.test("hand-overs of the old daemon do not count after a takeover", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  await takenOver(
    [{ kind: "udp", address: "127.0.0.1", port: 0 }],
    sock,
    async () => {},
    async () => {
      using session = await connect({ sock });
      assertEquals((await session.list())[0]?.handed_out, 0);
    },
  );
});
