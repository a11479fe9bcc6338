import { assert, assertEquals } from "@std/assert";
import { connect, type Session } from "../../client.ts";
import { Daemon } from "../support/daemon.ts";
import { assertClearEnd } from "../support/failing_system_calls/clear_end.ts";
import {
  everyFault,
  tryEach,
} from "../support/failing_system_calls/every_fault.ts";
import { FaultyProcess } from "../support/failing_system_calls/faulty_process.ts";
import type { Call, Fault } from "../support/failing_system_calls/plan.ts";

/** Number of concurrent pairs of daemons. */
const WORKERS = 3;

const ADDRESSES = ["127.0.0.1:0", "udp://127.0.0.1:0"];

const args = ["--takeover"];

/** The ports of the held sockets. */
async function portsOf(session: Session): Promise<number[]> {
  assertEquals((await session.list()).length, ADDRESSES.length);
  const bindings = await session.bindAll(ADDRESSES);
  const ports = bindings.map(({ addr }) => (addr as Deno.NetAddr).port);
  for (const each of bindings) each.close();
  return ports;
}

async function startOldDaemon(): Promise<{ old: Daemon; ports: number[] }> {
  const old = await Daemon.start();
  using session = await connect({ sock: old.sock });
  for (const each of await session.bindAll(ADDRESSES)) each.close();
  return { old, ports: await portsOf(session) };
}

function ofTheTakeover({ site }: Call): boolean {
  return /\b(takeover|takeover_client|exchange)\.ts:/.test(site);
}

async function callsOfATakeover(): Promise<Call[]> {
  const { old, ports } = await startOldDaemon();
  await using _old = old;
  const { sock } = old;
  await using process = await FaultyProcess.listening({
    args,
    sock,
    traced: true,
  });
  const calls = process.calls().filter(ofTheTakeover);
  assert(
    ["rename", "recvmsg", "poll", "getsockopt"].every((symbol) =>
      calls.some((each) => each.symbol === symbol)
    ),
  );
  using session = await connect({ sock });
  assertEquals(await portsOf(session), ports);
  return calls;
}

/** Errors of connect(2) that mean that no server listens. */
const NOBODY: ReadonlySet<string> = new Set(["ECONNREFUSED", "ENOENT"]);

function isFailure({ symbol, outcome }: Fault): boolean {
  return symbol !== "connect" || !NOBODY.has(outcome);
}

/** Asserts that the new daemon serves or exits with an error, and that one has all binds. */
async function takeOverWith(fault: Fault): Promise<void> {
  const { old, ports } = await startOldDaemon();
  await using _old = old;
  const { sock } = old;
  const faults = [fault];
  await using process = await FaultyProcess.start({ args, sock, faults });
  const listens = await process.listens().then(() => true, () => false);
  assertEquals(process.happened, 1, "the fault did not happen");
  if (!listens) await assertClearEnd(process, fault);
  using session = await connect({ sock });
  assertEquals(await portsOf(session), ports);
}

Deno.test("if any call fails during a takeover, one daemon has every socket and serves", async () => {
  const faults = everyFault(await callsOfATakeover()).filter(isFailure);
  await tryEach(faults, WORKERS, takeOverWith);
});
