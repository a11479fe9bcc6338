import { assert, assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { assertNothingAt } from "../support/failing_system_calls/clear_end.ts";
import {
  everyFault,
  tryEach,
} from "../support/failing_system_calls/every_fault.ts";
import { FaultyProcess } from "../support/failing_system_calls/faulty_process.ts";
import { RawConnection } from "../support/raw_connection.ts";
import type { Call, Fault } from "../support/failing_system_calls/plan.ts";

/** Number of concurrent daemons. */
const WORKERS = 3;

/** If one of these fails, the daemon cannot remove the file. */
const KEEPS_FILES: ReadonlySet<string> = new Set(["unlink", "statx"]);

/** Stops a daemon that holds sockets and has clients. */
async function endOf(
  prepare: (process: FaultyProcess) => void,
  signal: Deno.Signal,
): Promise<{ process: FaultyProcess; code: number; errors: string }> {
  const process = await FaultyProcess.listening();
  const { sock, program } = process;
  using _tcp = await bind("127.0.0.1", 0, { sock });
  using _path = await bind(`unix:${process.join("bound")}`, { sock });
  using client = RawConnection.open(sock);
  await client.send('{"jsonrpc":');
  prepare(process);
  program.signal(signal);
  const { code, errors } = await program.end();
  return { process, code, errors };
}

async function callsOfAnEnd(signal: Deno.Signal): Promise<Call[]> {
  const { process } = await endOf((process) => process.trace(), signal);
  await using ended = process;
  return ended.calls();
}

async function endWith(fault: Fault, signal: Deno.Signal): Promise<void> {
  const inject = (process: FaultyProcess) => process.inject(fault);
  const { process, code, errors } = await endOf(inject, signal);
  await using ended = process;
  assertEquals(code, 0, errors);
  assert(!/^ +at |panicked/m.test(errors), errors);
  if (!KEEPS_FILES.has(fault.symbol)) await assertNothingAt(ended.sock);
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`if any call fails after ${signal}, the daemon exits with 0 and its socket is removed`, async () => {
    const calls = await callsOfAnEnd(signal);
    assert(calls.some(({ symbol }) => symbol === "unlink"));
    await tryEach(
      everyFault(calls),
      WORKERS,
      (fault) => endWith(fault, signal),
    );
  });
}
