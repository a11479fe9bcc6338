import { assert, assertEquals } from "@std/assert";
import { ErrorCode, type ErrorData } from "../../protocol.ts";
import { Daemon } from "../support/daemon.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { PATH_KINDS } from "../support/socket_kinds/places.ts";
import { granted, rawList, refused } from "../support/socket_kinds/raw_bind.ts";
import { boundAt } from "../support/socket_kinds/unix_sockets.ts";
import { assertAlive } from "../support/soak/sockets.ts";
import { Scratch } from "../support/tree.ts";

/** Checks an error about a damaged socket. Returns its errno's name. */
function codeOf(error: { code: number; data?: unknown }): string {
  assertEquals(error.code, ErrorCode.COULD_NOT_BIND);
  const data = error.data as ErrorData & { damage?: string };
  assertEquals(data.damage, "its path was removed or replaced");
  return data.code;
}

for (const kind of PATH_KINDS) {
  Deno.test(`a file that has replaced the socket's path is left alone, and the next bind after its removal works: ${kind}`, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const path = scratch.join("web.sock");
    await granted(connection, { kind, path });
    await Deno.remove(path);
    await Deno.writeTextFile(path, "precious");
    const error = await refused(connection, { kind, path });
    assertEquals(codeOf(error), "EADDRINUSE");
    assertEquals(await Deno.readTextFile(path), "precious");
    assertEquals((await rawList(connection)).length, 1);
    await Deno.remove(path);
    await assertAlive(kind, await granted(connection, { kind, path }));
  });

  Deno.test(`a live server's socket that has replaced the path is left alone: ${kind}`, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const path = scratch.join("web.sock");
    await granted(connection, { kind, path });
    await Deno.remove(path);
    const other = boundAt(path, kind);
    const { ino } = await Deno.lstat(path);
    const error = await refused(connection, { kind, path });
    assertEquals(codeOf(error), "EADDRINUSE");
    assertEquals((await Deno.lstat(path)).ino, ino);
    other.close();
    await assertAlive(kind, await granted(connection, { kind, path }));
  });

  Deno.test(`a bind fails while the directory of the path is gone, and works once it is back: ${kind}`, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const path = scratch.join("run/web.sock");
    await Deno.mkdir(scratch.join("run"));
    await granted(connection, { kind, path });
    await Deno.remove(scratch.join("run"), { recursive: true });
    assertEquals(codeOf(await refused(connection, { kind, path })), "ENOENT");
    await Deno.mkdir(scratch.join("run"));
    await assertAlive(kind, await granted(connection, { kind, path }));
  });

  Deno.test(
    `a path that is made anew has the mode and the owner that were asked for before: ${kind}`,
    {
      ignore: Deno.uid() !== 0,
    },
    async () => {
      await using scratch = await Scratch.make();
      await using daemon = await Daemon.start();
      using connection = RawConnection.open(daemon.sock);
      const path = scratch.join("web.sock");
      const access = { mode: "0606", owner: "nobody", group: "daemon" };
      await granted(connection, { kind, path, ...access });
      const before = await Deno.lstat(path);
      assert(before.uid !== 0 && before.gid !== 0);
      await Deno.remove(path);
      await granted(connection, { kind, path });
      const { mode, uid, gid } = await Deno.lstat(path);
      assertEquals({ mode, uid, gid }, {
        mode: before.mode,
        uid: before.uid,
        gid: before.gid,
      });
      await Deno.remove(path);
      await granted(connection, { kind, path, owner: 0, mode: "0660" });
      const changed = await Deno.lstat(path);
      assertEquals([changed.uid, changed.mode! & 0o777], [0, 0o660]);
      assertEquals(changed.gid, before.gid);
    },
  );

  Deno.test(`a release after a path was made anew removes the new path: ${kind}`, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    const path = scratch.join("web.sock");
    {
      using connection = RawConnection.open(daemon.sock);
      await granted(connection, { kind, path });
      await Deno.remove(path);
      await granted(connection, { kind, path });
      await daemon.reexec();
    }
    using session = await daemon.session();
    await session.release(`${kind}:${path}`);
    assertEquals([...Deno.readDirSync(scratch.path)], []);
  });
}
