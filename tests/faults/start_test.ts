import { assert, assertEquals } from "@std/assert";
import { connect } from "../../client.ts";
import { assertClearEnd, assertNothingAt } from "./clear_end.ts";
import { everyFault, tryEach } from "./every_fault.ts";
import { FaultyProcess } from "./faulty_process.ts";
import type { Call, Fault } from "./plan.ts";

/** Daemons started at the same time. */
const WORKERS = 3;

async function callsOfAStart(faults: readonly Fault[] = []): Promise<Call[]> {
  await using process = await FaultyProcess.listening({ faults, traced: true });
  // How the event loop comes to wait depends on who asks it when.
  return process.calls().filter(({ symbol }) => !symbol.includes("wait"));
}

async function listens(process: FaultyProcess): Promise<boolean> {
  return await process.listens().then(() => true, () => false);
}

/** It serves as if nothing had been, or it ends and says why. */
async function startWith(
  fault: Fault,
  others: readonly Fault[] = [],
): Promise<void> {
  const faults = [...others, fault];
  await using process = await FaultyProcess.start({ faults });
  if (await listens(process)) {
    using session = await connect({ sock: process.sock });
    assertEquals((await session.status()).binds, 0);
    process.program.signal("SIGTERM");
    assertEquals((await process.program.end()).code, 0);
  } else {
    await assertClearEnd(process, fault);
  }
  const { happened } = process;
  assertEquals(happened, faults.length, "the fault did not happen");
  await assertNothingAt(process.sock);
}

Deno.test("whatever call fails at the start, the daemon serves all the same or ends with one line that says why, and leaves no socket", async () => {
  const faults = everyFault(await callsOfAStart());
  await tryEach(faults, WORKERS, (fault) => startWith(fault));
});

Deno.test("so it is with a call that fails where the daemon has to start a second time", async () => {
  const others: readonly Fault[] = [{ symbol: "mprotect", outcome: "EACCES" }];
  const ordinary = new Set((await callsOfAStart()).map(({ site }) => site));
  const calls = (await callsOfAStart(others)).filter(({ site, image }) =>
    image === 1 && !ordinary.has(site)
  );
  const faults = everyFault(calls);
  assert(faults.some(({ symbol }) => symbol === "execve"));
  await tryEach(faults, WORKERS, (fault) => startWith(fault, others));
});
