import { assert, assertEquals } from "@std/assert";
import { connect } from "../../client.ts";
import {
  assertClearEnd,
  assertNothingAt,
} from "../support/failing_system_calls/clear_end.ts";
import {
  everyFault,
  tryEach,
} from "../support/failing_system_calls/every_fault.ts";
import { FaultyProcess } from "../support/failing_system_calls/faulty_process.ts";
import type { Call, Fault } from "../support/failing_system_calls/plan.ts";

/** Number of daemons that start concurrently. */
const WORKERS = 3;

async function callsOfAStart(): Promise<Call[]> {
  await using process = await FaultyProcess.listening({ traced: true });
  // The calls with which the event loop waits depend on timing.
  return process.calls().filter(({ symbol }) => !symbol.includes("wait"));
}

async function listens(process: FaultyProcess): Promise<boolean> {
  return await process.listens().then(() => true, () => false);
}

/** Asserts that the daemon serves, or exits with an error. */
async function startWith(fault: Fault): Promise<void> {
  await using process = await FaultyProcess.start({ faults: [fault] });
  if (await listens(process)) {
    using session = await connect({ sock: process.sock });
    assertEquals((await session.status()).binds, 0);
    process.program.signal("SIGTERM");
    assertEquals((await process.program.end()).code, 0);
  } else {
    await assertClearEnd(process, fault);
  }
  assertEquals(process.happened, 1, "the fault did not happen");
  await assertNothingAt(process.sock);
}

Deno.test("if any call fails at the start, the daemon serves or exits with an error of one line and leaves no socket", async () => {
  const faults = everyFault(await callsOfAStart());
  // The calls before and after the daemon executes itself.
  assert(faults.some(({ symbol, image }) => symbol === "execv" && image === 1));
  assert(faults.some(({ symbol, image }) => symbol === "bind" && image === 2));
  await tryEach(faults, WORKERS, startWith);
});
