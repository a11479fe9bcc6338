import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { bind } from "../../client.ts";
import { Errno } from "../../ffi/libc/errno.ts";
import {
  bindSocket,
  listenOn,
  streamSocket,
  tryConnect,
} from "../../ffi/sockets/socket.ts";
import type { UnixAddress } from "../../ffi/sockets/socket_address.ts";
import { Daemon, daemonCommand } from "../support/daemon.ts";
import { Program } from "../support/program.ts";
import { Scratch } from "../support/tree.ts";
import { asUnprivileged, OpenScratch } from "../support/unprivileged.ts";
import { leaveDeadSocket } from "../support/control_socket/dead_socket.ts";
import { assertRefused } from "../support/control_socket/start_failure.ts";

Deno.test("the default mode of the control socket is 0600", async () => {
  await using daemon = await Daemon.start();
  const { mode } = await Deno.lstat(daemon.sock);
  assertEquals(mode! & 0o7777, 0o600);
});

for (const [option, expected] of [["0660", 0o660], ["666", 0o666]] as const) {
  Deno.test(`the control socket has --mode ${option} as soon as it exists`, async () => {
    await using daemon = await Daemon.start({ args: ["--mode", option] });
    const { mode } = await Deno.lstat(daemon.sock);
    assertEquals(mode! & 0o7777, expected);
  });
}

Deno.test("the path of a live server is refused and that server keeps serving", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  const inode = (await Deno.lstat(sock)).ino;
  const reason = await assertRefused(sock);
  assertStringIncludes(reason, `a server is listening on ${sock}`);
  assertEquals((await Deno.lstat(sock)).ino, inode);
  using bound = await bind("127.0.0.1", 0, { sock });
  assertEquals(bound.addr.transport, "tcp");
});

Deno.test("the path of a server with a full accept queue is refused", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  const address: UnixAddress = { family: "unix", path: sock };
  using server = streamSocket(address);
  bindSocket(server.fd, address);
  listenOn(server.fd, 0);
  using clients = new DisposableStack();
  for (let errno = 0; errno !== Errno.EAGAIN;) {
    const client = clients.use(streamSocket(address, { nonblocking: true }));
    errno = tryConnect(client.fd, address);
  }
  const reason = await assertRefused(sock);
  assertStringIncludes(reason, `a server is listening on ${sock}`);
  assert((await Deno.lstat(sock)).isSocket);
});

interface Obstacle {
  what: string;
  make(path: string): Promise<unknown>;
  /** Must be the same afterwards. */
  look(path: string): Promise<unknown>;
}

const OBSTACLES: Obstacle[] = [
  {
    what: "a file",
    make: (path) => Deno.writeTextFile(path, "precious"),
    look: (path) => Deno.readTextFile(path),
  },
  {
    what: "an empty file",
    make: (path) => Deno.writeTextFile(path, ""),
    look: async (path) => (await Deno.lstat(path)).ino,
  },
  {
    what: "a directory",
    make: (path) => Deno.mkdir(path),
    look: async (path) => (await Deno.lstat(path)).isDirectory,
  },
  {
    what: "a dangling symbolic link",
    make: (path) => Deno.symlink("/nowhere/at/all", path),
    look: (path) => Deno.readLink(path),
  },
  {
    what: "a symbolic link to a dead socket",
    make: (path) => {
      leaveDeadSocket(`${path}.dead`);
      return Deno.symlink(`${path}.dead`, path);
    },
    look: async (path) => [
      await Deno.readLink(path),
      (await Deno.lstat(`${path}.dead`)).isSocket,
    ],
  },
];

for (const { what, make, look } of OBSTACLES) {
  Deno.test(`${what} at the path is refused and left unchanged`, async () => {
    await using scratch = await Scratch.make();
    const sock = scratch.join("control.sock");
    await make(sock);
    const before = await look(sock);
    assertStringIncludes(await assertRefused(sock), sock);
    assertEquals(await look(sock), before);
  });
}

Deno.test("a dead socket is replaced and reported", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  leaveDeadSocket(sock);
  await using daemon = await Daemon.start({ sock });
  (await bind("127.0.0.1", 0, { sock })).close();
  const { output } = await daemon.stop();
  assertEquals(output.split("\n"), [
    `Removed existing control socket: ${sock}`,
    `Listening for binds on control socket: ${sock}`,
  ]);
});

Deno.test("after kill -9 the daemon starts again on the same path", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  await using killed = await Daemon.start({ sock });
  killed.program.signal("SIGKILL");
  assertEquals((await killed.program.end()).signal, "SIGKILL");
  assert((await Deno.lstat(sock)).isSocket);
  await using daemon = await Daemon.start({ sock });
  assertEquals((await daemon.status()).pid, daemon.pid);
});

Deno.test("of daemons started concurrently on a dead socket exactly one serves", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  leaveDeadSocket(sock);
  await using all = new AsyncDisposableStack();
  const programs = Array.from({ length: 4 }, () => {
    const [command, ...args] = daemonCommand(sock);
    return all.use(Program.start(command!, { args }));
  });
  const outcomes = await Promise.all(programs.map(async (program) => {
    try {
      await program.output.next("Listening");
      return "won";
    } catch {
      const { code, errors } = await program.end();
      assertStringIncludes(errors, `a server is listening on ${sock}`);
      return code;
    }
  }));
  assertEquals(outcomes.toSorted(), [1, 1, 1, "won"]);
  (await bind("127.0.0.1", 0, { sock })).close();
});

Deno.test("a path that is too long is refused with an error that has its length", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("x".repeat(108));
  const reason = await assertRefused(sock);
  assertStringIncludes(reason, sock);
  assertStringIncludes(reason, `${sock.length} bytes`);
});

Deno.test("a path of 107 bytes, the longest possible, is served", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("x".repeat(106 - scratch.path.length));
  assertEquals(sock.length, 107);
  await using _daemon = await Daemon.start({ sock });
  (await bind("127.0.0.1", 0, { sock })).close();
});

Deno.test("a missing directory is an error with its path and errno", async () => {
  await using scratch = await Scratch.make();
  const reason = await assertRefused(scratch.join("no/control.sock"));
  assertStringIncludes(reason, scratch.join("no"));
  assertStringIncludes(reason, "ENOENT");
});

Deno.test("a file in place of the directory is an error with its path and errno", async () => {
  await using scratch = await Scratch.make();
  await Deno.writeTextFile(scratch.join("file"), "");
  const reason = await assertRefused(scratch.join("file/control.sock"));
  assertStringIncludes(reason, scratch.join("file"));
  assertStringIncludes(reason, "ENOTDIR");
});

Deno.test("a directory without write permission is an error with its path and errno", async () => {
  await using scratch = await OpenScratch.make();
  const sock = scratch.join("closed/control.sock");
  await Deno.mkdir(scratch.join("closed"));
  await Deno.chmod(scratch.join("closed"), 0o555);
  const reason = await assertRefused(sock, {
    ...await asUnprivileged(scratch),
  });
  assertStringIncludes(reason, sock);
  assertStringIncludes(reason, "EACCES");
});

Deno.test("a relative path starts at the working directory of the daemon", async () => {
  await using scratch = await Scratch.make();
  const [command, ...args] = daemonCommand("control.sock");
  await using program = Program.start(command!, { args, cwd: scratch.path });
  await program.output.next(
    "Listening for binds on control socket: control.sock",
  );
  const sock = scratch.join("control.sock");
  (await bind("127.0.0.1", 0, { sock })).close();
  program.signal("SIGUSR1");
  await program.output.next(
    "Listening for binds on control socket: control.sock",
  );
  (await bind("127.0.0.1", 0, { sock })).close();
  program.signal("SIGTERM");
  assertEquals((await program.end()).code, 0);
  await assertRejects(() => Deno.lstat(sock), Deno.errors.NotFound);
});

Deno.test("a control socket whose path was removed is bound anew by a re-exec, and its clients stay connected", async () => {
  await using daemon = await Daemon.start({ args: ["--mode", "0640"] });
  using session = await daemon.session();
  using _held = await session.bind("127.0.0.1", 0);
  await Deno.remove(daemon.sock);
  await daemon.reexec();
  await daemon.program.errors.next("control socket bound anew");
  assertEquals((await Deno.lstat(daemon.sock)).mode! & 0o777, 0o640);
  assertEquals((await daemon.status()).binds, 1);
  assertEquals((await session.status()).generation, 2);
  assertEquals((await daemon.stop()).code, 0);
  await assertRejects(() => Deno.lstat(daemon.sock), Deno.errors.NotFound);
});

Deno.test("a file that has replaced the control socket's path is left alone by a re-exec", async () => {
  await using daemon = await Daemon.start();
  using session = await daemon.session();
  await Deno.remove(daemon.sock);
  await Deno.writeTextFile(daemon.sock, "other");
  await daemon.reexec();
  assertEquals((await session.status()).generation, 2);
  assertEquals((await daemon.stop()).code, 0);
  assertEquals(await Deno.readTextFile(daemon.sock), "other");
});
