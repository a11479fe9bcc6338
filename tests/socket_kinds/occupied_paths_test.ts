import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { PathKind } from "../../address.ts";
import { Errno } from "../../ffi/libc/errno.ts";
import {
  acceptConnection,
  newSocket,
  receive,
  tryConnect,
} from "../../ffi/sockets/socket.ts";
import { ErrorCode, type ErrorData, type ErrorObject } from "../../protocol.ts";
import { Daemon } from "../support/daemon.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { Scratch } from "../support/tree.ts";
import { PATH_KINDS } from "../support/socket_kinds/places.ts";
import { granted, rawList, refused } from "../support/socket_kinds/raw_bind.ts";
import {
  boundAt,
  leaveDead,
  onlyBoundAt,
} from "../support/socket_kinds/unix_sockets.ts";

/** Every pair of a requested kind and a kind at the path. */
const PAIRS = PATH_KINDS.flatMap((asked) =>
  PATH_KINDS.map((there) => [asked, there] as const)
);

async function inUse(
  path: string,
  kind: PathKind,
): Promise<ErrorObject> {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const error = await refused(connection, { kind, path });
  assertEquals(error.code, ErrorCode.COULD_NOT_BIND);
  const data = { errno: 98, code: "EADDRINUSE", syscall: "bind" };
  assertEquals(error.data, data);
  assertStringIncludes(error.message, path);
  assertEquals(await rawList(connection), []);
  return error;
}

for (const [asked, there] of PAIRS) {
  Deno.test(`a dead ${there} socket is replaced by a ${asked} socket`, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const path = scratch.join("web.sock");
    leaveDead(path, there);
    await Deno.chmod(path, 0o600);
    await granted(connection, { kind: asked, path });
    assertEquals((await Deno.lstat(path)).mode! & 0o7777, 0o660);
    const names = [...Deno.readDirSync(scratch.path)].map(({ name }) => name);
    assertEquals(names, ["web.sock"]);
  });

  Deno.test(`a live ${there} socket is not replaced by a ${asked} socket and is not disturbed`, async () => {
    await using scratch = await Scratch.make();
    const path = scratch.join("web.sock");
    using service = boundAt(path, there);
    const { ino } = await Deno.lstat(path);
    await inUse(path, asked);
    assertEquals((await Deno.lstat(path)).ino, ino);
    if (there === "unixgram") {
      assertEquals(receive(service.fd, new Uint8Array(1)), -1);
    } else {
      assertEquals(acceptConnection(service.fd), -1);
    }
  });
}

for (const there of ["unix", "seqpacket"] as const) {
  Deno.test(`a ${there} socket that is bound and does not listen yet is not replaced`, async () => {
    await using scratch = await Scratch.make();
    const path = scratch.join("web.sock");
    using _service = onlyBoundAt(path, there);
    const { ino } = await Deno.lstat(path);
    for (const asked of PATH_KINDS) await inUse(path, asked);
    assertEquals((await Deno.lstat(path)).ino, ino);
  });
}

Deno.test("a connected datagram socket is not replaced", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("log.sock");
  using service = boundAt(path, "unixgram");
  using _sender = boundAt(scratch.join("sender.sock"), "unixgram");
  const sender = { family: "unix", path: scratch.join("sender.sock") } as const;
  assertEquals(tryConnect(service.fd, sender), 0);
  for (const asked of PATH_KINDS) await inUse(path, asked);
});

Deno.test("a socket with a full accept queue is not replaced", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("web.sock");
  using _service = boundAt(path, "unix");
  using clients = new DisposableStack();
  const address = { family: "unix", path } as const;
  for (let errno = 0; errno !== Errno.EAGAIN;) {
    const client = clients.use(
      newSocket(address, "stream", { nonblocking: true }),
    );
    errno = tryConnect(client.fd, address);
    assert(errno === 0 || errno === Errno.EAGAIN);
  }
  for (const asked of PATH_KINDS) await inUse(path, asked);
});

Deno.test("the path of the control socket is in use", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  for (const kind of PATH_KINDS) {
    const error = await refused(connection, { kind, path: daemon.sock });
    assertEquals((error.data as ErrorData).code, "EADDRINUSE");
  }
  assertEquals((await daemon.status()).binds, 0);
});

Deno.test("the path of a held socket is in use for other kinds", async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  for (const held of PATH_KINDS) {
    const path = scratch.join(`${held}.sock`);
    await granted(connection, { kind: held, path });
    for (const asked of PATH_KINDS.filter((each) => each !== held)) {
      const error = await refused(connection, { kind: asked, path });
      assertEquals((error.data as ErrorData).code, "EADDRINUSE");
    }
    await granted(connection, { kind: held, path });
  }
  assertEquals((await rawList(connection)).length, 3);
});

interface Obstacle {
  what: string;
  make(path: string): void | Promise<void>;
  /** Must be the same afterwards. */
  look(path: string): unknown;
}

const OBSTACLES: Obstacle[] = [
  {
    what: "a file",
    make: (path) => Deno.writeTextFile(path, "precious"),
    look: (path) => [Deno.readTextFileSync(path), Deno.lstatSync(path).mode],
  },
  {
    what: "a directory",
    make: (path) => Deno.mkdir(path),
    look: (path) => Deno.lstatSync(path).isDirectory,
  },
  {
    what: "a broken symbolic link",
    make: (path) => Deno.symlink("/nowhere/at/all", path),
    look: (path) => Deno.readLinkSync(path),
  },
  {
    what: "a symbolic link to a file",
    make: async (path) => {
      await Deno.writeTextFile(`${path}.file`, "precious");
      await Deno.symlink(`${path}.file`, path);
    },
    look: (path) => [
      Deno.readLinkSync(path),
      Deno.readTextFileSync(`${path}.file`),
    ],
  },
  {
    what: "a symbolic link to a dead socket",
    make: async (path) => {
      leaveDead(`${path}.dead`, "unix");
      await Deno.symlink(`${path}.dead`, path);
    },
    look: (path) => [
      Deno.readLinkSync(path),
      Deno.lstatSync(`${path}.dead`).ino,
    ],
  },
  {
    what: "a symbolic link to itself",
    make: (path) => Deno.symlink(path, path),
    look: (path) => Deno.readLinkSync(path),
  },
  {
    what: "a named pipe",
    make: async (path) => {
      const { code } = await new Deno.Command("mkfifo", { args: [path] })
        .output();
      assertEquals(code, 0);
    },
    look: (path) => Deno.lstatSync(path).isFifo,
  },
];

for (const { what, make, look } of OBSTACLES) {
  Deno.test(`${what} at the path is refused and left unchanged`, async () => {
    await using scratch = await Scratch.make();
    const path = scratch.join("web.sock");
    await make(path);
    const before = look(path);
    for (const kind of PATH_KINDS) {
      const { message } = await inUse(path, kind);
      assertStringIncludes(message, "not a socket");
    }
    assertEquals(look(path), before);
  });
}
