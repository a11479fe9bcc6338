/**
 * An upgrade that fails under load.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import type { BindLoad } from "./bind_load.ts";
import type { BrokenVersion } from "./broken_versions.ts";
import type { CopiedDaemon, SourceCopy } from "./copied_daemon.ts";

/** Timeout of the check in tests of versions that do not exit, in ms. */
const CHECK_TIMEOUT = 5_000;

/** Shortens the timeout of the check. */
export function shortTimeout(source: SourceCopy): Promise<void> {
  return source.edit(
    "server/reexec/version_check.ts",
    "CHECK_TIMEOUT = 60_000",
    `CHECK_TIMEOUT = ${CHECK_TIMEOUT}`,
  );
}

/** Tries an upgrade to a broken version, under load if given, and asserts the reason. */
export async function failToUpgrade(
  daemon: CopiedDaemon,
  load: BindLoad | undefined,
  version: BrokenVersion,
): Promise<void> {
  const before = await daemon.status();
  const seen = daemon.program.errors.text.length;
  await version.break(daemon);
  const [line] = await Promise.all([daemon.failingUpgrade(), load?.times(10)]);
  assertMatch(line, /upgrade abandoned/);
  const log = daemon.program.errors.text.slice(seen);
  assertMatch(log.split("abandoned")[1] ?? "", version.reason);
  await load?.times(10);
  const after = await daemon.status();
  assertEquals(after.pid, before.pid);
  assertEquals(after.generation, before.generation);
  assertEquals(after.version, before.version);
  await daemon.hasChildren(0);
}
