import { assert, assertEquals } from "@std/assert";
import { ErrorCode } from "../../protocol.ts";
import { newSocket, tryConnect } from "../../ffi/sockets/socket.ts";
import { exists } from "../../tools/exists.ts";
import { Daemon } from "../support/daemon.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";
import { Scratch } from "../support/tree.ts";
import { PATH_KINDS } from "../support/socket_kinds/places.ts";
import {
  granted,
  rawList,
  rawRelease,
} from "../support/socket_kinds/raw_bind.ts";
import { boundAt, SOCKET_TYPES } from "../support/socket_kinds/unix_sockets.ts";

for (const kind of PATH_KINDS) {
  Deno.test(`a release removes the path, which can be bound again at once: ${kind}`, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    using holder = RawConnection.open(daemon.sock);
    using connection = RawConnection.open(daemon.sock);
    const path = scratch.join("web.sock");
    const first = await granted(holder, { kind, path });
    const inode = (await Deno.stat(`/proc/self/fd/${first}`)).ino;
    await rawRelease(connection, { kind, path });
    assertEquals(await exists(path), false);
    const second = await granted(connection, { kind, path });
    assert((await Deno.stat(`/proc/self/fd/${second}`)).ino !== inode);
    assertEquals((await rawList(connection)).length, 1);
  });

  Deno.test(`a release of another kind at the path is 10004: ${kind}`, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const path = scratch.join("web.sock");
    await granted(connection, { kind, path });
    for (const other of PATH_KINDS.filter((each) => each !== kind)) {
      await connection.send(requestText(1, "release", [{ kind: other, path }]));
      const { error } = await connection.answer();
      assertEquals(error?.code, ErrorCode.NO_SUCH_BIND);
    }
    assert(await exists(path));
    await rawRelease(connection, { kind, path });
  });

  Deno.test(`a release leaves a file that has replaced the socket: ${kind}`, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const path = scratch.join("web.sock");
    await granted(connection, { kind, path });
    await Deno.remove(path);
    using _other = boundAt(path, kind);
    const { ino } = await Deno.lstat(path);
    await rawRelease(connection, { kind, path });
    assertEquals((await Deno.lstat(path)).ino, ino);
    assertEquals(await rawList(connection), []);
  });

  Deno.test(`a release succeeds if the path was removed: ${kind}`, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    await Deno.mkdir(scratch.join("run"));
    const path = scratch.join("run/web.sock");
    await granted(connection, { kind, path });
    await Deno.remove(scratch.join("run"), { recursive: true });
    await rawRelease(connection, { kind, path });
    assertEquals(await rawList(connection), []);
  });

  Deno.test(`a stopping daemon does not remove the path of a held socket: ${kind}`, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const path = scratch.join("web.sock");
    const fd = await granted(connection, { kind, path });
    assertEquals((await daemon.stop()).code, 0);
    const address = { family: "unix", path } as const;
    using client = newSocket(address, SOCKET_TYPES[kind]);
    assertEquals(tryConnect(client.fd, address), 0);
    assert(fd > 2);
    // The next daemon finds a live socket.
    await using next = await Daemon.start();
    using other = RawConnection.open(next.sock);
    await other.send(requestText(1, "bind", [{ kind, path }]));
    const { error } = await other.answer();
    assertEquals((error?.data as { code: string }).code, "EADDRINUSE");
  });

  Deno.test(`after the daemon and the last holder have exited the path can be bound again: ${kind}`, async () => {
    await using scratch = await Scratch.make();
    const path = scratch.join("web.sock");
    {
      await using daemon = await Daemon.start();
      using connection = RawConnection.open(daemon.sock);
      await granted(connection, { kind, path });
      await daemon.stop();
    }
    assert(await exists(path));
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    await granted(connection, { kind, path });
  });
}
