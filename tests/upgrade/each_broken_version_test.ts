import { assertEquals } from "@std/assert";
import { lacks } from "../support/foreign_program.ts";
import { BindLoad } from "../support/upgrade/bind_load.ts";
import {
  BROKEN,
  HANGING,
  repair,
  TOO_FEW_DESCRIPTORS,
} from "../support/upgrade/broken_versions.ts";
import { CopiedDaemon } from "../support/upgrade/copied_daemon.ts";
import {
  failToUpgrade,
  shortTimeout,
} from "../support/upgrade/failed_upgrade.ts";

const withPrlimit = { ignore: await lacks("prlimit") };

for (
  const [versions, change] of [
    [BROKEN, undefined],
    [HANGING, shortTimeout],
  ] as const
) {
  for (const version of versions) {
    Deno.test(
      `an upgrade to a version that ${version.kind} is abandoned, and an upgrade to a repaired one succeeds`,
      withPrlimit,
      async () => {
        await using daemon = await CopiedDaemon.start({
          args: ["--log-level", "warn"],
          ...(change && { change }),
        });
        await using load = new BindLoad(daemon.sock, 2);
        await load.times(10);
        await failToUpgrade(daemon, load, version);
        await repair(daemon, version);
        await daemon.source.setVersion("99.0.0");
        await daemon.reexec();
        await load.times(10);
        const repaired = await daemon.status();
        assertEquals(repaired.pid, daemon.pid);
        assertEquals(repaired.generation, 2);
        assertEquals(repaired.version, "99.0.0");
        await load.stop();
        assertEquals(load.sockets.size, 1);
        assertEquals((await daemon.stop()).code, 0);
      },
    );
  }
}

Deno.test(
  "an upgrade for which too few descriptors are left is abandoned, and one with enough succeeds",
  withPrlimit,
  async () => {
    await using daemon = await CopiedDaemon.start({
      args: ["--log-level", "warn"],
    });
    await failToUpgrade(daemon, undefined, TOO_FEW_DESCRIPTORS);
    await repair(daemon, TOO_FEW_DESCRIPTORS);
    await daemon.reexec();
    assertEquals((await daemon.status()).generation, 2);
  },
);
