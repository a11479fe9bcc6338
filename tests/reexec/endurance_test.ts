import { assert, assertEquals } from "@std/assert";
import { connect } from "../../client.ts";
import { Daemon } from "../support/daemon.ts";
import { assertOpenKinds, openKinds } from "../support/open_descriptors.ts";
import { residentMemory } from "../support/process_state.ts";
import { RawConnection } from "../support/raw_connection.ts";

/** More than uncollected garbage, less than a leak of one page for each. */
const MEMORY_NOISE_KIB = 48 * 1024;

Deno.test("thirty re-execs leak neither descriptors nor memory", async () => {
  await using daemon = await Daemon.start();
  using client = RawConnection.open(daemon.sock);
  await client.send('{"jsonrpc":');
  using session = await connect({ sock: daemon.sock });
  (await session.bind("127.0.0.1", 0)).close();
  await daemon.reexec();
  await session.status();
  const descriptors = await openKinds(daemon.pid);
  const memory = await residentMemory(daemon.pid);
  for (let count = 0; count < 30; count++) await daemon.reexec();
  assertEquals((await session.status()).generation, 32);
  await assertOpenKinds(daemon.pid, descriptors);
  const grown = await residentMemory(daemon.pid) - memory;
  assert(grown < MEMORY_NOISE_KIB, `${grown} KiB more`);
});

Deno.test("a thousand binds survive a re-exec", async () => {
  const count = 1000;
  await using daemon = await Daemon.start({ args: ["--log-level", "warn"] });
  using session = await connect({ sock: daemon.sock });
  const bindAll = async () => {
    const ports: string[] = [];
    for (let index = 0; index < count; index++) {
      const host = `127.1.${index >> 8}.${index & 255}`;
      using binding = await session.bind(host, 0);
      ports.push(JSON.stringify(binding.addr));
    }
    return ports;
  };
  const before = await bindAll();
  await daemon.reexec();
  assertEquals((await session.status()).binds, count);
  assertEquals(await bindAll(), before);
  assertEquals((await session.status()).binds, count);
});
