import { assertEquals } from "@std/assert";
import { threadsThatTakeSignals } from "../process_state.ts";
import { FaultyProcess } from "./faulty_process.ts";
import type { Fault } from "./plan.ts";

Deno.test("a first start has every thread hold the signals back, and is the only one", async () => {
  await using process = await FaultyProcess.listening();
  assertEquals(process.image, 1);
  assertEquals(await threadsThatTakeSignals(process.pid), []);
});

const FAULTS: readonly Fault[] = [
  { symbol: "mmap", outcome: "ENOMEM" },
  { symbol: "mprotect", outcome: "EACCES" },
  { symbol: "sigaction", outcome: "EINVAL" },
  { symbol: "getdents64", outcome: "ENOENT", site: "file.ts" },
  { symbol: "tgkill", outcome: "EPERM" },
  { symbol: "munmap", outcome: "ENOMEM" },
];

for (const fault of FAULTS) {
  Deno.test(`where ${fault.symbol} fails the threads hold the signals back from a second start on`, async () => {
    const faults = [fault];
    await using process = await FaultyProcess.listening({ faults });
    assertEquals(process.happened, 1);
    assertEquals(process.image, 2);
    assertEquals(await threadsThatTakeSignals(process.pid), []);
  });
}
