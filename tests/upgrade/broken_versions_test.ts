import { assert, assertEquals } from "@std/assert";
import { bindAll } from "../../client.ts";
import { socketOf } from "../support/binds/listening_socket.ts";
import { lacks } from "../support/foreign_program.ts";
import { residentMemory } from "../support/process_state.ts";
import { BindLoad } from "../support/upgrade/bind_load.ts";
import { BROKEN, repair } from "../support/upgrade/broken_versions.ts";
import { CopiedDaemon, processesOf } from "../support/upgrade/copied_daemon.ts";
import {
  failToUpgrade,
  shortTimeout,
} from "../support/upgrade/failed_upgrade.ts";
import { assertIdleKinds, idleKinds } from "../support/open_descriptors.ts";

const withPrlimit = { ignore: await lacks("prlimit") };

Deno.test(
  `${BROKEN.length} upgrades to broken versions in a row lose no socket and fail no bind`,
  withPrlimit,
  async () => {
    assert(BROKEN.length >= 20);
    await using daemon = await CopiedDaemon.start({
      args: ["--log-level", "warn"],
    });
    const addresses = [
      "127.0.0.1:0",
      "[::1]:0",
      "udp://127.0.0.1:0",
      `unix:${daemon.scratch.join("held")}`,
      `unix:@multibinder-broken-versions-${daemon.pid}`,
    ];
    const sockets = async () => {
      const held = await bindAll(addresses, { sock: daemon.sock });
      const names = held.map(socketOf);
      for (const each of held) each.close();
      return names;
    };
    const before = await sockets();
    await using load = new BindLoad(daemon.sock, 2, "127.0.0.2:0");
    for (const version of BROKEN) {
      await failToUpgrade(daemon, load, version);
      assertEquals(await sockets(), before, version.kind);
      await repair(daemon, version);
    }
    await daemon.reexec();
    assertEquals(await sockets(), before);
    assertEquals((await daemon.status()).generation, 2);
    await load.stop();
    assertEquals(load.sockets.size, 1);
  },
);

Deno.test("failed upgrades leak neither descriptors nor processes", async () => {
  await using daemon = await CopiedDaemon.start();
  await daemon.source.write("");
  await daemon.failingUpgrade();
  await daemon.hasChildren(0);
  const before = await idleKinds(daemon);
  for (let turn = 0; turn < 10; turn++) await daemon.failingUpgrade();
  await daemon.hasChildren(0);
  await assertIdleKinds(daemon, before);
});

Deno.test("an upgrade to a version that leaves a child with its output is abandoned", async () => {
  await using daemon = await CopiedDaemon.start({
    args: ["--log-level", "warn"],
  });
  await daemon.source.write(`
new Deno.Command(${JSON.stringify(daemon.deno)}, {
  args: ["eval", "setTimeout(() => {}, 600_000)"],
}).spawn();
Deno.exit(0);
`);
  try {
    await using load = new BindLoad(daemon.sock, 2);
    await daemon.failingUpgrade();
    await load.times(10);
    await load.stop();
    assertEquals((await daemon.status()).generation, 1);
    await daemon.source.repair();
    await daemon.reexec();
    assertEquals((await daemon.status()).generation, 2);
    assertEquals((await daemon.stop()).code, 0);
  } finally {
    const left = await processesOf(daemon.deno);
    for (const pid of left.filter((pid) => pid !== daemon.pid)) {
      Deno.kill(pid, "SIGKILL");
    }
  }
});

/** About 64 MB a second, far more than a check keeps. */
const FLOOD = `
const bytes = new Uint8Array(64 * 1024).fill(0x78);
const pause = new Int32Array(new SharedArrayBuffer(4));
while (true) {
  Deno.stdout.writeSync(bytes);
  Atomics.wait(pause, 0, 0, 1);
}
`;

/** The limit for kept output and uncollected garbage. */
const KEPT_KIB = 200 * 1024;

Deno.test("an upgrade to a version that writes without end is abandoned and leaks no memory", async () => {
  await using daemon = await CopiedDaemon.start({
    args: ["--log-level", "warn"],
    change: shortTimeout,
  });
  const before = await residentMemory(daemon.pid);
  await daemon.source.write(FLOOD);
  const failed = daemon.failingUpgrade();
  const most = await mostMemory(daemon.pid, failed);
  await failed;
  assertEquals((await daemon.status()).generation, 1);
  await daemon.hasChildren(0);
  const grown = most - before;
  assert(grown < KEPT_KIB, `${grown} KiB more`);
});

/** The maximum resident memory of a process until a promise is settled. */
async function mostMemory(
  pid: number,
  end: Promise<unknown>,
): Promise<number> {
  let ended = false;
  const watched = end.finally(() => ended = true).catch(() => {});
  let most = 0;
  while (!ended) {
    most = Math.max(most, await residentMemory(pid));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await watched;
  return most;
}
