import { assertEquals, assertStringIncludes } from "@std/assert";
import { bind } from "../../client.ts";
import { requestText } from "../support/raw_connection.ts";
import { CopiedDaemon, linkOrCopy } from "../support/upgrade/copied_daemon.ts";
import {
  denoOf,
  OTHERS,
  REFUSAL,
  TOO_OLD,
} from "../support/versions/other_versions.ts";

/** Puts another version at the path of the daemon's Deno. */
async function install(daemon: CopiedDaemon, version: string): Promise<void> {
  await Deno.remove(daemon.deno);
  await linkOrCopy(denoOf(version), daemon.deno);
}

for (const version of OTHERS) {
  Deno.test(`a daemon re-executes into Deno ${version} and back, and keeps sockets, clients and half a request`, async () => {
    await using daemon = await CopiedDaemon.start();
    const { sock } = daemon;
    using web = await bind("127.0.0.1", 0, { sock });
    using session = await daemon.session();
    const { pid } = await session.status();
    const listed = await session.list();
    for (const next of [version, Deno.version.deno]) {
      using connection = daemon.rawConnection();
      const request = requestText(1, "status");
      await connection.send(request.slice(0, 20));
      await install(daemon, next);
      await daemon.reexec();
      await connection.send(request.slice(20));
      const { result } = await connection.answer();
      assertEquals((result as { deno: string }).deno, next);
      assertEquals((await session.status()).pid, pid);
      assertEquals(await session.list(), listed);
    }
    using again = await bind("127.0.0.1", 0, { sock });
    assertEquals(again.addr, web.addr);
  });
}

Deno.test(`an upgrade to Deno ${TOO_OLD} is abandoned, and the log has the version that is needed`, async () => {
  await using daemon = await CopiedDaemon.start();
  using _web = await bind("127.0.0.1", 0, { sock: daemon.sock });
  const { deno, generation } = await daemon.status();
  await install(daemon, TOO_OLD);
  assertStringIncludes(await daemon.failingUpgrade(), REFUSAL);
  const after = await daemon.status();
  assertEquals([after.deno, after.generation], [deno, generation]);
  assertEquals(after.binds, 1);
});
