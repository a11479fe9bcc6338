import { assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { Daemon } from "../support/daemon.ts";
import { backlogOf } from "../support/binds/listening_socket.ts";

const MOST = Number(Deno.readTextFileSync("/proc/sys/net/core/somaxconn"));

Deno.test("1000 connections may wait where no backlog is asked for", async () => {
  await using daemon = await Daemon.start();
  using web = await bind("127.0.0.1", 0, { sock: daemon.sock });
  assertEquals(backlogOf(web), Math.min(1000, MOST));
});

Deno.test("as many connections may wait as were asked for", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  for (const [index, backlog] of [1, 37, 0x7fffffff].entries()) {
    using web = await bind(`127.0.0.${index + 1}`, 0, { sock, backlog });
    assertEquals(backlogOf(web), Math.min(backlog, MOST));
  }
});

Deno.test("another backlog takes effect on the socket that is there", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using first = await bind("127.0.0.1", 0, { sock });
  using _again = await bind("127.0.0.1", 0, { sock, backlog: 37 });
  assertEquals(backlogOf(first), 37);
});

Deno.test("a bind that names no backlog leaves it as it is", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using first = await bind("127.0.0.1", 0, { sock, backlog: 37 });
  using _again = await bind("127.0.0.1", 0, { sock });
  assertEquals(backlogOf(first), 37);
});
