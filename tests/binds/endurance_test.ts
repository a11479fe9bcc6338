import { assertEquals } from "@std/assert";
import { bind, connect } from "../../client.ts";
import { Daemon } from "../support/daemon.ts";
import { assertNoGrowth } from "../support/memory_growth.ts";
import { assertOpen, openIn } from "../support/open_descriptors.ts";

/** A leak of one KiB for each bind would be 10,000 KiB. */
const MARGIN_KIB = 8 * 1024;

const ADDRESSES = ["127.0.0.1:0", "127.0.0.2:0", "127.0.0.3:0", "127.0.0.4:0"];

/** Binds and closes: half over one connection, half over a new one each. */
async function bindAndClose(sock: string, times: number): Promise<void> {
  using session = await connect({ sock });
  for (let count = 0; count < times; count += 2) {
    const address = ADDRESSES[count / 2 % ADDRESSES.length]!;
    (await bind(address, { sock })).close();
    (await session.bind(address)).close();
  }
}

Deno.test("10,000 binds and closes leak neither descriptors nor memory", async () => {
  await using daemon = await Daemon.start();
  const { pid, sock } = daemon;
  // Warms up the compiler and the garbage collector.
  await bindAndClose(sock, 4_000);
  const descriptors = await openIn(daemon.pid);
  await assertNoGrowth(pid, MARGIN_KIB, () => bindAndClose(sock, 10_000));
  await assertOpen(daemon.pid, descriptors);
  assertEquals((await daemon.status()).binds, ADDRESSES.length);
});
