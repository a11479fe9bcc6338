import { assert, assertEquals } from "@std/assert";
import { residentMemory } from "../support/process_state.ts";
import { BindLoad } from "../support/upgrade/bind_load.ts";
import { CopiedDaemon } from "../support/upgrade/copied_daemon.ts";
import { assertIdleKinds, idleKinds } from "../support/open_descriptors.ts";

/** More than uncollected garbage, less than a leak of one page for each. */
const MEMORY_NOISE_KIB = 48 * 1024;

const SIGNALS = 300;
const BURST = 10;

Deno.test("300 SIGUSR1 in bursts fail no bind of eight clients and leak nothing", async () => {
  await using daemon = await CopiedDaemon.start({
    args: ["--log-level", "warn"],
  });
  await using load = new BindLoad(daemon.sock, 8);
  await load.times(100);
  await daemon.reexec();
  await load.times(100);
  const { generation } = await daemon.status();
  const memory = await residentMemory(daemon.pid);
  try {
    for (let sent = 0; sent < SIGNALS; sent += BURST) {
      for (let one = 0; one < BURST; one++) {
        daemon.program.signal("SIGUSR1");
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await daemon.listening();
      await load.times(50);
    }
  } catch (cause) {
    const { output, errors } = daemon.program;
    const written = `${output.text}\n${errors.text}`;
    throw new Error(`the daemon wrote:\n${written}`, { cause });
  }
  await load.stop();
  // A re-exec for the last burst may not have begun yet.
  await daemon.reexec();
  const status = await daemon.status();
  assertEquals(status.pid, daemon.pid);
  assertEquals(status.binds, 1);
  assert(
    status.generation > generation + SIGNALS / BURST,
    `${status.generation}`,
  );
  assertEquals(load.sockets.size, 1);
  const grown = await residentMemory(daemon.pid) - memory;
  assert(grown < MEMORY_NOISE_KIB, `${grown} KiB more`);
  await daemon.hasChildren(0);
});

Deno.test("thirty checked re-execs leak no descriptor", async () => {
  await using daemon = await CopiedDaemon.start({
    args: ["--log-level", "warn"],
  });
  await daemon.reexec();
  const before = await idleKinds(daemon);
  for (let generation = 2; generation < 32; generation++) {
    await daemon.reexec();
  }
  assertEquals((await daemon.status()).generation, 32);
  await assertIdleKinds(daemon, before);
});
