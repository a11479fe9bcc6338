import { assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { abi } from "../../ffi/libc/abi.ts";
import { check } from "../../ffi/libc/errno.ts";
import type { Descriptor } from "../../ffi/files/descriptor.ts";
import { openFile } from "../../ffi/files/file.ts";
import { libc } from "../../ffi/libc/libc.ts";
import { socketOf } from "../support/binds/listening_socket.ts";
import { Daemon, daemonCommand } from "../support/daemon.ts";
import { Program } from "../support/program.ts";

/**
 * Locks a directory until it is closed. A takeover needs the lock after it has
 * listed the binds, before it replaces the path.
 */
function lockBeside(sock: string): Descriptor {
  const directory = openFile(sock.slice(0, sock.lastIndexOf("/")));
  check(libc().flock(directory.fd, abi.LOCK_EX), "flock");
  return directory;
}

/** Starts a daemon that takes over from the one on `sock`. */
function startTaker(sock: string): Program {
  const command = daemonCommand(sock, { args: ["--takeover"] });
  return Program.start(command[0]!, { args: command.slice(1) });
}

Deno.test("a bind made between the list and the rename is taken over", async () => {
  await using old = await Daemon.start();
  const { sock } = old;
  (await bind("127.0.0.1", 0, { sock })).close();
  using lock = lockBeside(sock);
  await using taker = startTaker(sock);
  await old.program.errors.next(`pid=${taker.pid}`);
  using late = await bind("127.0.0.2", 0, { sock });
  lock.close();
  await taker.output.next("Listening for binds on control socket: ");
  await old.stop();
  using again = await bind("127.0.0.2", 0, { sock });
  assertEquals(socketOf(again), socketOf(late));
});

Deno.test("a takeover succeeds if the old server dies between the list and the rename", async () => {
  await using old = await Daemon.start();
  const { sock } = old;
  const first = await bind("127.0.0.1", 0, { sock });
  const socket = socketOf(first);
  first.close();
  using lock = lockBeside(sock);
  await using taker = startTaker(sock);
  await old.program.errors.next(`pid=${taker.pid}`);
  old.program.signal("SIGKILL");
  await old.program.end();
  lock.close();
  await taker.output.next("Listening for binds on control socket: ");
  using again = await bind("127.0.0.1", 0, { sock });
  assertEquals(socketOf(again), socket);
});
