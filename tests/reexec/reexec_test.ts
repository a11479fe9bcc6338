import { assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { Daemon } from "../daemon.ts";

Deno.test("SIGUSR1 keeps the process, the binds and the control socket", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using before = await bind("127.0.0.1", 0, { sock });
  const inode = (await Deno.lstat(sock)).ino;
  await daemon.reexec();
  using after = await bind("127.0.0.1", 0, { sock });
  assertEquals(after.addr, before.addr);
  const status = await daemon.status();
  assertEquals(status.generation, 2);
  assertEquals(status.pid, daemon.pid);
  assertEquals(status.binds, 1);
  assertEquals((await Deno.lstat(sock)).ino, inode);
  const { code, signal } = await daemon.stop();
  assertEquals({ code, signal }, { code: 0, signal: null });
});
