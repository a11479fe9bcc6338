import { assertEquals, assertStringIncludes } from "@std/assert";
import { ErrorCode, type ErrorData } from "../../protocol.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";
import { Scratch } from "../support/tree.ts";
import {
  asUnprivileged,
  OpenScratch,
  unprivileged,
} from "../support/unprivileged.ts";
import { PATH_KINDS } from "../support/socket_kinds/places.ts";
import {
  granted,
  rawList,
  rawRelease,
  refused,
} from "../support/socket_kinds/raw_bind.ts";

for (const kind of PATH_KINDS) {
  Deno.test(`all spellings of a path are one bind: ${kind}`, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    await Deno.mkdir(scratch.join("real"));
    await Deno.mkdir(scratch.join("real/inner"));
    await Deno.symlink("real", scratch.join("link"));
    await Deno.symlink(scratch.join("real/inner"), scratch.join("deep"));
    const spellings = [
      "real/web.sock",
      "link/web.sock",
      "real//web.sock",
      "./real/./web.sock",
      "real/inner/../web.sock",
      // `deep` is a link: the parent of its target is `real`.
      "deep/../web.sock",
      "link/../link/web.sock",
    ];
    const inodes = new Set<unknown>();
    for (const spelling of spellings) {
      const fd = await granted(connection, {
        kind,
        path: scratch.join(spelling),
      });
      inodes.add((await Deno.stat(`/proc/self/fd/${fd}`)).ino);
    }
    assertEquals(inodes.size, 1);
    const listed = await rawList(connection);
    const real = await Deno.realPath(scratch.join("real"));
    assertEquals(listed.map(({ address }) => address), [
      `${kind}:${real}/web.sock`,
    ]);
    await rawRelease(connection, { kind, path: scratch.join(spellings[5]!) });
    assertEquals(await rawList(connection), []);
    assertEquals([...Deno.readDirSync(scratch.join("real"))].length, 1);
  });
}

Deno.test("names that differ in letter case or normalization are different files", async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const names = [
    "web",
    "Web",
    "\u00e9",
    "e\u0301",
    "web\n",
    "a b",
    "日本",
    "%41",
    "A",
  ];
  for (const name of names) {
    await granted(connection, { path: scratch.join(name) });
  }
  const listed = await rawList(connection);
  assertEquals(
    listed.map(({ address }) => address),
    names.map((name) => `unix:${scratch.join(name)}`),
  );
  const files = [...Deno.readDirSync(scratch.path)].map(({ name }) => name);
  assertEquals(files.toSorted(), names.toSorted());
});

const NO_PATHS: [path: unknown, says: string][] = [
  ["", "path"],
  ["web.sock", "not absolute"],
  ["./web.sock", "not absolute"],
  ["../web.sock", "not absolute"],
  ["/", "directory"],
  ["/run/", "directory"],
  ["/run/.", "directory"],
  ["/run/..", "directory"],
  ["/run/web\0.sock", "NUL"],
  ["/run/\ud800", "path"],
  [`/${"x".repeat(107)}`, "108 bytes"],
  [`/${"é".repeat(54)}`, "109 bytes"],
  [1, "path"],
  [null, "path"],
  [true, "path"],
  [["/run/web.sock"], "path"],
];

for (const [path, says] of NO_PATHS) {
  Deno.test(`${JSON.stringify(path)} is not a path: -32602`, async () => {
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    for (const kind of PATH_KINDS) {
      const error = await refused(connection, { kind, path });
      assertEquals(error.code, ErrorCode.INVALID_PARAMS);
      assertStringIncludes(error.message, says);
    }
    assertEquals(await rawList(connection), []);
  });
}

Deno.test("bind accepts the longest possible path", async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const path = scratch.join("x".repeat(106 - scratch.path.length));
  assertEquals(path.length, 107);
  await granted(connection, { path });
  assertEquals((await Deno.lstat(path)).isSocket, true);
  await rawRelease(connection, { path });
});

Deno.test("a short path that resolves to one that is too long is -32602", async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  await Deno.mkdir(scratch.join("x".repeat(100)));
  await Deno.symlink("x".repeat(100), scratch.join("short"));
  const path = scratch.join("short/web.sock");
  const error = await refused(connection, { path });
  assertEquals(error.code, ErrorCode.INVALID_PARAMS);
  assertStringIncludes(error.message, "107");
  await connection.send(requestText(2, "release", [{ path }]));
  const { error: second } = await connection.answer();
  assertEquals(second?.code, ErrorCode.INVALID_PARAMS);
});

Deno.test("a directory that cannot be used is an error with its errno", async (t) => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  await Deno.writeTextFile(scratch.join("file"), "");
  await Deno.symlink("circle", scratch.join("circle"));
  for (
    const [name, code] of [
      ["missing/web.sock", "ENOENT"],
      ["missing/../web.sock", "ENOENT"],
      ["file/web.sock", "ENOTDIR"],
      ["circle/web.sock", "ELOOP"],
    ] as const
  ) {
    await t.step(`${name}: ${code}`, async () => {
      const path = scratch.join(name);
      const error = await refused(connection, { path });
      assertEquals(error.code, ErrorCode.COULD_NOT_BIND);
      assertEquals((error.data as ErrorData).code, code);
      assertStringIncludes(error.message, scratch.path);
    });
  }
  assertEquals(await rawList(connection), []);
});

Deno.test("a directory without write or search permission is EACCES", {
  ignore: await lacks(...unprivileged.slice(0, 1)),
}, async () => {
  await using open = await OpenScratch.make();
  for (
    const [name, mode] of [["run", 0o777], ["read", 0o555], [
      "closed",
      0o700,
    ]] as const
  ) {
    await Deno.mkdir(open.join(name));
    await Deno.chmod(open.join(name), mode);
  }
  if (Deno.uid() !== 0) await Deno.chmod(open.join("closed"), 0);
  await using daemon = await Daemon.start({
    sock: open.join("run/control.sock"),
    ...await asUnprivileged(open),
  });
  using connection = RawConnection.open(daemon.sock);
  for (const kind of PATH_KINDS) {
    for (const name of ["read", "closed"]) {
      const path = open.join(`${name}/web.sock`);
      const error = await refused(connection, { kind, path });
      assertEquals(error.code, ErrorCode.COULD_NOT_BIND);
      assertEquals((error.data as ErrorData).code, "EACCES");
    }
  }
  assertEquals(await rawList(connection), []);
});
