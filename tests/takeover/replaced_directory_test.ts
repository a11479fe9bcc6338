import { assertEquals, assertStringIncludes } from "@std/assert";
import { ErrorCode } from "../../protocol.ts";
import { Daemon } from "../support/daemon.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { granted, rawList, refused } from "../support/socket_kinds/raw_bind.ts";
import { olderDaemon } from "../support/takeover/old_server.ts";
import { Scratch } from "../support/tree.ts";

/** What a user does with the directory of a socket that is held. */
const REPLACEMENTS: Readonly<
  Record<string, (directory: string, other: string) => Promise<void>>
> = {
  "is a link to another directory": async (directory, other) => {
    await Deno.rename(directory, `${directory}.moved`);
    await Deno.symlink(other, directory);
  },
  "is another directory": async (directory) => {
    await Deno.rename(directory, `${directory}.moved`);
    await Deno.mkdir(directory);
  },
  "has a link above it": async (directory, other) => {
    const above = directory.slice(0, directory.lastIndexOf("/"));
    await Deno.rename(above, `${above}.moved`);
    await Deno.mkdir(`${other}/in`);
    await Deno.symlink(other, above);
  },
  "is gone": async (directory) => {
    await Deno.remove(directory, { recursive: true });
  },
};

async function filesIn(directory: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    if (!isDirectory) names.push(name);
    else names.push(...await filesIn(`${directory}/${name}`));
  }
  return names;
}

for (const [what, replace] of Object.entries(REPLACEMENTS)) {
  Deno.test(`a takeover creates no socket where the directory of a bind ${what}`, async () => {
    await using scratch = await Scratch.make();
    const above = scratch.join("above");
    const directory = `${above}/in`;
    const other = scratch.join("other");
    await Deno.mkdir(directory, { recursive: true });
    await Deno.mkdir(other);
    await using old = await Daemon.start();
    using connection = RawConnection.open(old.sock);
    const path = `${directory}/s`;
    await granted(connection, { path });
    await granted(connection, { address: "127.0.0.1", port: 0 });
    const before = await rawList(connection);
    await replace(directory, other);
    const files = (await filesIn(scratch.path)).length;
    await using daemon = await Daemon.start({
      sock: old.sock,
      args: ["--takeover"],
    });
    assertEquals(await filesIn(other), []);
    assertEquals((await filesIn(scratch.path)).length, files);
    using taken = RawConnection.open(daemon.sock);
    const inodes = new Set(before.map(({ inode }) => inode));
    for (const { inode } of await rawList(taken)) {
      assertEquals(inodes.delete(inode), true);
    }
    assertEquals(inodes.size, 0);
  });
}

Deno.test("a bind that was not taken over is logged with its reason", async () => {
  // A server that has released the socket since it listed it.
  await using old = await olderDaemon((source) =>
    source.edit(
      "server/requests/bind_method.ts",
      "if (held === undefined) throw noSuchBind(asked);",
      "throw noSuchBind(asked);",
    )
  );
  using connection = RawConnection.open(old.sock);
  await granted(connection, { path: "@not-held-any-more" });
  await using daemon = await Daemon.start({
    sock: old.sock,
    args: ["--takeover"],
  });
  const line = await daemon.program.errors.next("bind not taken over");
  assertStringIncludes(line, "address=unix:@not-held-any-more");
  assertStringIncludes(line, "it is not held any more");
  assertEquals((await daemon.status()).binds, 0);
});

Deno.test("a bind with held creates nothing, and returns the socket that is held", async () => {
  await using daemon = await Daemon.start();
  await using scratch = await Scratch.make();
  using connection = RawConnection.open(daemon.sock);
  const path = scratch.join("s");
  const missing = await refused(connection, { path, held: true });
  assertEquals(missing.code, ErrorCode.NO_SUCH_BIND);
  assertEquals(await filesIn(scratch.path), []);
  await granted(connection, { path });
  await granted(connection, { path, held: true });
  assertEquals((await rawList(connection)).length, 1);
});

Deno.test("held is true or false, and excludes options", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  for (const wrong of [{ held: 1 }, { held: true, backlog: 5 }]) {
    const params = { address: "127.0.0.1", port: 0, ...wrong };
    const { code, message } = await refused(connection, params);
    assertEquals(code, ErrorCode.INVALID_PARAMS);
    assertStringIncludes(message, "held");
  }
});
