import { assertEquals, assertStringIncludes } from "@std/assert";
import { bind } from "../../client.ts";
import { socketOf } from "../support/binds/listening_socket.ts";
import { Daemon } from "../support/daemon.ts";

Deno.test("SIGHUP without a policy changes nothing and is logged", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using before = await bind("127.0.0.1", 0, { sock });
  const { ino } = await Deno.lstat(sock);
  for (let count = 0; count < 3; count++) {
    daemon.program.signal("SIGHUP");
    const line = await daemon.program.errors.next("SIGHUP");
    assertStringIncludes(line, "no policy");
  }
  using after = await bind("127.0.0.1", 0, { sock });
  assertEquals(socketOf(after), socketOf(before));
  assertEquals((await Deno.lstat(sock)).ino, ino);
  assertEquals((await daemon.status()).generation, 1);
  const { code, signal } = await daemon.stop();
  assertEquals({ code, signal }, { code: 0, signal: null });
});

Deno.test("the daemon survives a burst of SIGHUP", async () => {
  await using daemon = await Daemon.start();
  for (let count = 0; count < 500; count++) daemon.program.signal("SIGHUP");
  assertEquals((await daemon.status()).generation, 1);
  await daemon.program.errors.next("SIGHUP");
  assertEquals((await daemon.stop()).code, 0);
});

Deno.test("the daemon survives SIGHUP before, during and after re-execs", async () => {
  await using daemon = await Daemon.start();
  using web = await bind("127.0.0.1", 0, { sock: daemon.sock });
  for (let round = 0; round < 5; round++) {
    let listening = false;
    daemon.program.signal("SIGHUP");
    const respawned = daemon.reexec().finally(() => listening = true);
    while (!listening) {
      daemon.program.signal("SIGHUP");
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await respawned;
  }
  assertEquals((await daemon.status()).generation, 6);
  using again = await bind("127.0.0.1", 0, { sock: daemon.sock });
  assertEquals(socketOf(again), socketOf(web));
  const { code, signal } = await daemon.stop();
  assertEquals({ code, signal }, { code: 0, signal: null });
});
