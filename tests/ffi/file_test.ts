import { assert, assertEquals, assertThrows } from "@std/assert";
import { OsError } from "../../ffi/libc/errno.ts";
import {
  memoryFile,
  namesIn,
  readFile,
  readLink,
  readMemoryFile,
  sameFile,
  statusOf,
  unlink,
  withUmask,
} from "../../ffi/files/file.ts";
import { Scratch } from "../support/tree.ts";

Deno.test("a file's status is the one of Deno.lstat", async () => {
  await using scratch = await Scratch.make();
  const file = scratch.join("file");
  const link = scratch.join("link");
  await Deno.writeTextFile(file, "");
  await Deno.symlink(file, link);
  for (const path of [file, link, scratch.path, "/dev/null"]) {
    const { ino, mode } = await Deno.lstat(path);
    const status = statusOf(path);
    assertEquals([status?.inode, status?.mode], [String(ino), mode]);
    assertEquals(status?.isSocket, false);
  }
  assert(sameFile(statusOf(file)!, statusOf(file)!));
  assert(!sameFile(statusOf(file)!, statusOf(link)!));
});

Deno.test("the status tells a socket from a file", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("socket");
  using _listener = Deno.listen({ transport: "unix", path });
  assertEquals(statusOf(path)?.isSocket, true);
});

Deno.test("the status is undefined for a missing path, and an OsError for an inaccessible path", async () => {
  await using scratch = await Scratch.make();
  await Deno.writeTextFile(scratch.join("file"), "");
  assertEquals(statusOf(scratch.join("none")), undefined);
  const error = assertThrows(() => statusOf(scratch.join("file/x")), OsError);
  assertEquals(error.code, "ENOTDIR");
});

for (const size of [0, 1, 16 * 1024, 16 * 1024 + 1, 300_000]) {
  Deno.test(`a file of ${size} bytes is read whole, in memory or not`, async () => {
    await using scratch = await Scratch.make();
    const bytes = new Uint8Array(size).map((_, index) => index % 251);
    await Deno.writeFile(scratch.join("file"), bytes);
    assertEquals(readFile(scratch.join("file")), bytes);
    using memory = memoryFile("test", bytes);
    assertEquals(readMemoryFile(memory.fd), bytes);
    assertEquals(readMemoryFile(memory.fd), bytes);
  });
}

Deno.test("every name of a large directory is listed", async () => {
  await using scratch = await Scratch.make();
  const names = Array.from({ length: 1500 }, (_, index) => `${index}-ü`);
  await Promise.all(
    names.map((name) => Deno.writeTextFile(scratch.join(name), "")),
  );
  assertEquals(namesIn(scratch.path).toSorted(), names.toSorted());
});

Deno.test("the umask is restored after an action, also one that throws", async () => {
  await using scratch = await Scratch.make();
  const before = Deno.umask();
  withUmask(0o077, () => Deno.writeTextFileSync(scratch.join("file"), ""));
  assertEquals(statusOf(scratch.join("file"))!.mode & 0o777, 0o600);
  assertThrows(
    () =>
      withUmask(0o077, () => {
        throw new Error("oops");
      }),
    Error,
    "oops",
  );
  assertEquals(Deno.umask(), before);
});

Deno.test("unlink() removes a file, and its error names the file", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("file");
  await Deno.writeTextFile(path, "");
  unlink(path);
  assertEquals(statusOf(path), undefined);
  assertEquals(assertThrows(() => unlink(path), OsError, path).code, "ENOENT");
});

Deno.test("readLink() returns the target of a link, and fails with EINVAL for a file", async () => {
  await using scratch = await Scratch.make();
  const link = scratch.join("link");
  await Deno.symlink("somewhere/else ü", link);
  assertEquals(readLink(link), "somewhere/else ü");
  const error = assertThrows(() => readLink(scratch.path), OsError);
  assertEquals(error.code, "EINVAL");
});
