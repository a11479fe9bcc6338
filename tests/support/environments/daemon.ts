import { assertEquals } from "@std/assert";
import type { RunningDaemon } from "../daemon.ts";
import { HeldSockets } from "./held_sockets.ts";

/** Asserts that a daemon serves, and keeps everything in two re-execs. */
export async function assertReexecutes(daemon: RunningDaemon): Promise<void> {
  using held = await HeldSockets.of(daemon);
  const { generation } = await daemon.status();
  for (const more of [1, 2]) {
    await daemon.reexec();
    await held.assertKept();
    assertEquals((await daemon.status()).generation, generation + more);
  }
  await held.assertAnswered();
  assertEquals((await daemon.status()).pid, daemon.pid);
}
