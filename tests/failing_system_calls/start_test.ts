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

/** Daemons started at the same time. */
const WORKERS = 3;

async function callsOfAStart(): Promise<Call[]> {
  await using process = await FaultyProcess.listening({ traced: true });
  // How the event loop comes to wait depends on who asks it when.
  return process.calls().filter(({ symbol }) => !symbol.includes("wait"));
}

async function listens(process: FaultyProcess): Promise<boolean> {
  return await process.listens().then(() => true, () => false);
}

/** It serves as if nothing had been, or it ends and says why. */
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

Deno.test("whatever call fails at the start, the daemon serves all the same or ends with one line that says why, and leaves no socket", async () => {
  const faults = everyFault(await callsOfAStart());
  // Those of the program that executes itself, and of the one that it becomes.
  assert(faults.some(({ symbol, image }) => symbol === "execv" && image === 1));
  assert(faults.some(({ symbol, image }) => symbol === "bind" && image === 2));
  await tryEach(faults, WORKERS, startWith);
});
