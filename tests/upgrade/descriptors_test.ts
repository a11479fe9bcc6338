import { assertEquals, assertMatch } from "@std/assert";
import { connect } from "../../client.ts";
import { lacks } from "../support/foreign_program.ts";
import { ask, requestText } from "../support/raw_connection.ts";
import { CopiedDaemon } from "../support/upgrade/copied_daemon.ts";

const withPrlimit = { ignore: await lacks("prlimit") };

/** Binds until `left` descriptors are free. Returns the number of binds. */
async function fill(daemon: CopiedDaemon, left: number): Promise<number> {
  using session = await connect({ sock: daemon.sock });
  for (let count = 0;; count++) {
    const { open, limit } = (await session.status()).descriptors;
    if (limit - open <= left) return count;
    (await session.bind(address(count), 0)).close();
  }
}

function address(index: number): string {
  return `127.3.${index >> 8}.${index & 255}`;
}

async function release(sock: string, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const params = [{ address: address(index), port: 0 }];
    const { result } = await ask(sock, requestText(index, "release", params));
    assertEquals(result, true);
  }
}

for (const left of [20, 3]) {
  Deno.test({
    name:
      `an upgrade is abandoned with ${left} descriptors free and succeeds with more`,
    ...withPrlimit,
    fn: async () => {
      await using daemon = await CopiedDaemon.start({
        under: ["prlimit", "--nofile=128:128"],
        args: ["--log-level", "warn"],
      });
      const bound = await fill(daemon, left);
      for (let turn = 0; turn < 3; turn++) await daemon.failingUpgrade();
      const before = await daemon.status();
      assertEquals(before.generation, 1);
      assertEquals(before.binds, bound);
      await release(daemon.sock, bound);
      await daemon.reexec();
      assertEquals((await daemon.status()).generation, 2);
      assertEquals((await daemon.status()).pid, before.pid);
    },
  });
}

Deno.test({
  name: "the log has the number of descriptors that an upgrade needs",
  ...withPrlimit,
  fn: async () => {
    await using daemon = await CopiedDaemon.start({
      under: ["prlimit", "--nofile=128:128"],
      args: ["--log-level", "warn"],
    });
    await fill(daemon, 20);
    const line = await daemon.failingUpgrade();
    assertMatch(line, /Deno needs \d+ .*descriptors to start.* 128/);
  },
});
