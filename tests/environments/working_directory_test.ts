import { assertEquals, assertMatch } from "@std/assert";
import { Daemon, MINIMAL_FLAGS } from "../support/daemon.ts";
import { assertReexecutes } from "../support/environments/daemon.ts";
import { HeldSockets } from "../support/environments/held_sockets.ts";
import { Scratch, treePath } from "../support/tree.ts";

/** What happens to the working directory of a running daemon. */
const ENDS: [what: string, end: (path: string) => Promise<void>][] = [
  ["removed", (path) => Deno.remove(path)],
  ["removed and made anew", async (path) => {
    await Deno.remove(path);
    await Deno.mkdir(path);
  }],
  ["replaced by a file", async (path) => {
    await Deno.remove(path);
    await Deno.writeTextFile(path, "");
  }],
  ["renamed", (path) => Deno.rename(path, `${path}.renamed`)],
  ["closed to everybody", (path) => Deno.chmod(path, 0)],
];

for (const [what, end] of ENDS) {
  Deno.test(`a daemon whose working directory is ${what} re-executes and keeps its sockets`, async () => {
    await using scratch = await Scratch.make();
    const directory = scratch.join("work");
    await Deno.mkdir(directory);
    await using daemon = await Daemon.start({
      under: ["env", `--chdir=${directory}`],
    });
    await end(directory);
    await assertReexecutes(daemon);
    assertEquals((await daemon.stop()).code, 0);
  });
}

Deno.test("the next generation of a daemon without a working directory runs in /", async () => {
  await using scratch = await Scratch.make();
  const directory = scratch.join("work");
  await Deno.mkdir(directory);
  await using daemon = await Daemon.start({
    under: ["env", `--chdir=${directory}`],
  });
  assertEquals(await Deno.readLink(`/proc/${daemon.pid}/cwd`), directory);
  await daemon.reexec();
  assertEquals(await Deno.readLink(`/proc/${daemon.pid}/cwd`), directory);
  await Deno.remove(directory);
  await daemon.reexec();
  assertEquals(await Deno.readLink(`/proc/${daemon.pid}/cwd`), "/");
});

Deno.test("a daemon that needs its working directory, which is removed, abandons upgrades and says why", async () => {
  await using scratch = await Scratch.make();
  const directory = scratch.join("work");
  await Deno.mkdir(directory);
  await Deno.symlink(treePath("."), `${directory}/tree`);
  await using daemon = await Daemon.start({
    under: ["env", `--chdir=${directory}`],
    program: [Deno.execPath(), "run", ...MINIMAL_FLAGS, "./tree/server.ts"],
  });
  using held = await HeldSockets.of(daemon);
  await Deno.remove(directory, { recursive: true });
  for (let turn = 0; turn < 2; turn++) {
    daemon.program.signal("SIGUSR1");
    const line = await daemon.program.errors.next("upgrade abandoned");
    assertMatch(
      line,
      /exited with status 1 in \/, because the working directory is gone: .*server\.ts/,
    );
    await held.assertKept();
  }
  assertEquals((await daemon.status()).generation, 1);
});
