import { assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { Daemon } from "../support/daemon.ts";
import { backlogOf } from "../support/binds/listening_socket.ts";

const MOST = Number(Deno.readTextFileSync("/proc/sys/net/core/somaxconn"));

Deno.test("the default backlog is 1000 connections", async () => {
  await using daemon = await Daemon.start();
  using web = await bind("127.0.0.1", 0, { sock: daemon.sock });
  assertEquals(backlogOf(web), Math.min(1000, MOST));
});

Deno.test("the accept queue has the length of the option backlog", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  for (const [index, backlog] of [1, 37, 0x7fffffff].entries()) {
    using web = await bind(`127.0.0.${index + 1}`, 0, { sock, backlog });
    assertEquals(backlogOf(web), Math.min(backlog, MOST));
  }
});

Deno.test("a second bind changes the backlog of the held socket", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using first = await bind("127.0.0.1", 0, { sock });
  using _again = await bind("127.0.0.1", 0, { sock, backlog: 37 });
  assertEquals(backlogOf(first), 37);
});

Deno.test("a bind without backlog leaves the backlog unchanged", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using first = await bind("127.0.0.1", 0, { sock, backlog: 37 });
  using _again = await bind("127.0.0.1", 0, { sock });
  assertEquals(backlogOf(first), 37);
});
