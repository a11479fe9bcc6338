import { assertEquals } from "@std/assert";
import { bind, type Session } from "../../client.ts";
import { connect } from "../../client.ts";
import { eventually } from "../support/eventually.ts";
import { Scratch } from "../support/tree.ts";
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

const POLICY = `{ "rules": [
  { "user": "root", "methods": ["status"] },
  { "user": "${Deno.uid()}", "addresses": ["127.0.0.1:*"] },
  { "group": "root", "addresses": ["127.0.0.2:*"] },
] }`;

async function policyIn(scratch: Scratch): Promise<string[]> {
  const path = scratch.join("policy.jsonc");
  await Deno.writeTextFile(path, POLICY);
  return ["--policy", path];
}

/** Number of reloads, successful or not. */
function readings({ program }: FaultyProcess): number {
  return program.errors.text.split(/policy (?:reloaded|rejected)/).length - 1;
}

async function reread(process: FaultyProcess): Promise<void> {
  const before = readings(process);
  process.program.signal("SIGHUP");
  await eventually("a policy", () => readings(process) > before);
}

function rulesOf(session: Session): Promise<number | undefined> {
  return session.status().then(({ policy }) => policy?.rules);
}

Deno.test("if any call fails on SIGHUP, a policy is in force and the daemon serves", async () => {
  await using scratch = await Scratch.make();
  const args = await policyIn(scratch);
  await using process = await FaultyProcess.listening({ args });
  const { sock } = process;
  process.trace();
  await reread(process);
  const faults = everyFault(
    process.calls().filter(({ symbol }) => !symbol.includes("wait")),
  );
  using session = await connect({ sock });
  await tryEach(faults, 1, async (fault) => {
    process.inject(fault);
    await reread(process);
    assertEquals(process.happened, 1, "the fault did not happen");
    process.recover();
    assertEquals(await rulesOf(session), 3);
    (await bind("127.0.0.1", 0, { sock })).close();
  });
});

async function startWith(fault: Fault, args: string[]): Promise<void> {
  await using process = await FaultyProcess.start({ faults: [fault], args });
  const listens = await process.listens().then(() => true, () => false);
  if (!listens) await assertClearEnd(process, fault);
  else {
    using session = await connect({ sock: process.sock });
    assertEquals(await rulesOf(session), 3);
    process.program.signal("SIGTERM");
    assertEquals((await process.program.end()).code, 0);
  }
  await assertNothingAt(process.sock);
}

function ofThePolicy({ site }: Call): boolean {
  return /\b(policy_file|load_policy|accounts)\.ts:/.test(site);
}

Deno.test("if any call fails during the first read of a policy, the daemon applies the policy or exits with an error of one line", async () => {
  await using scratch = await Scratch.make();
  const args = await policyIn(scratch);
  const calls = await (async () => {
    await using process = await FaultyProcess.listening({ args, traced: true });
    return process.calls().filter(ofThePolicy);
  })();
  await tryEach(everyFault(calls), 3, (fault) => startWith(fault, args));
});
