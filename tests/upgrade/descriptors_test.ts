import { assert, assertEquals, assertMatch } from "@std/assert";
import { BindError, connect, type Session } from "../../client.ts";
import { ErrorCode } from "../../protocol.ts";
import { lacks } from "../support/foreign_program.ts";
import { ask, requestText } from "../support/raw_connection.ts";
import { CopiedDaemon } from "../support/upgrade/copied_daemon.ts";

const LIMIT = 128;

const withPrlimit = { ignore: await lacks("prlimit") };

/**
 * Binds until the daemon refuses, because it keeps a reserve, then lowers its limit
 * until `left` descriptors are free. Returns the number of binds.
 */
async function fill(daemon: CopiedDaemon, left: number): Promise<number> {
  using session = await connect({ sock: daemon.sock });
  let count = 0;
  while (await isBound(session, address(count))) count++;
  const { open } = (await session.status()).descriptors;
  await setLimit(daemon.pid, open + left);
  return count;
}

async function isBound(session: Session, host: string): Promise<boolean> {
  try {
    (await session.bind(host, 0)).close();
    return true;
  } catch (error) {
    if (!(error instanceof BindError)) throw error;
    assertEquals(error.code, ErrorCode.NO_DESCRIPTORS);
    return false;
  }
}

async function setLimit(pid: number, limit: number): Promise<void> {
  const args = ["--pid", String(pid), `--nofile=${limit}:`];
  const { success } = await new Deno.Command("prlimit", { args }).output();
  assert(success);
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
        under: ["prlimit", `--nofile=${LIMIT}:${LIMIT}`],
        args: ["--log-level", "warn"],
      });
      const bound = await fill(daemon, left);
      for (let turn = 0; turn < 3; turn++) await daemon.failingUpgrade();
      const before = await daemon.status();
      assertEquals(before.generation, 1);
      assertEquals(before.binds, bound);
      await setLimit(daemon.pid, LIMIT);
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
      under: ["prlimit", `--nofile=${LIMIT}:${LIMIT}`],
      args: ["--log-level", "warn"],
    });
    await fill(daemon, 20);
    const line = await daemon.failingUpgrade();
    assertMatch(line, /Deno needs \d+ .*descriptors to start.* \d+/);
  },
});
