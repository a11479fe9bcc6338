import { assertEquals } from "@std/assert";
import { bind, connect } from "../../client.ts";
import { PATIENCE } from "../support/eventually.ts";
import { FaultyProcess } from "../support/failing_system_calls/faulty_process.ts";
import type { Fault } from "../support/failing_system_calls/plan.ts";

const LONG = { timeout: PATIENCE };

function several(
  symbols: readonly string[],
  outcome: Fault["outcome"],
  times: number,
): Fault[] {
  return symbols.map((symbol) => ({ symbol, outcome, times }));
}

/** Calls that can transfer a part; an eventfd and a signalfd cannot. */
function ofFiles(faults: readonly Fault[]): Fault[] {
  return faults.map((fault) => ({ ...fault, site: "file.ts" }));
}

/** Limits every transfer to one byte. */
const ONE_BYTE = [
  ...several(["recv", "send", "sendmsg"], "one byte", 1e6),
  ...ofFiles(several(["read", "write", "pread"], "one byte", 1e6)),
];

async function assertServes(process: FaultyProcess): Promise<void> {
  const { sock } = process;
  using session = await connect({ sock });
  using first = await session.bind("127.0.0.1", 0, LONG);
  using again = await session.bind("127.0.0.1", 0, LONG);
  assertEquals(again.addr, first.addr);
  const names = ["127.0.0.2:0", "udp://127.0.0.3:0"];
  const several = await session.bindAll(names, LONG);
  assertEquals(several.length, 2);
  for (const each of several) each.close();
  assertEquals((await session.list(LONG)).length, 3);
  await session.release("127.0.0.2:0", LONG);
  assertEquals((await session.status(LONG)).binds, 2);
}

Deno.test("every request is answered if each call transfers only one byte", async () => {
  await using process = await FaultyProcess.listening();
  process.inject(...ONE_BYTE);
  await assertServes(process);
});

Deno.test("a daemon starts, re-executes and stops if each call transfers only one byte", async () => {
  await using process = await FaultyProcess.start({ faults: ONE_BYTE });
  await process.listens();
  const { sock } = process;
  using before = await bind("127.0.0.1", 0, { sock });
  process.program.signal("SIGUSR1");
  await process.listens();
  using after = await bind("127.0.0.1", 0, { sock });
  assertEquals(after.addr, before.addr);
  process.program.signal("SIGTERM");
  assertEquals((await process.program.end()).code, 0);
});

const INTERRUPTED = [
  "accept4",
  "recv",
  "send",
  "sendmsg",
  "read",
  "pread",
  "flock",
  "epoll_wait",
  "epoll_wait_on_thread",
];

for (const times of [1, 3, 20]) {
  Deno.test(`calls that are interrupted ${times} times in a row are repeated`, async () => {
    const faults = [
      ...several(INTERRUPTED, "EINTR", times),
      ...ofFiles(several(["write"], "EINTR", times)),
    ];
    await using process = await FaultyProcess.start({ faults });
    await process.listens();
    process.inject(...faults);
    await assertServes(process);
    process.program.signal("SIGUSR1");
    await process.listens();
    process.program.signal("SIGTERM");
    assertEquals((await process.program.end()).code, 0);
  });

  Deno.test(`the daemon waits for sockets that are not ready ${times} times in a row`, async () => {
    await using process = await FaultyProcess.listening();
    const calls = ["accept4", "recv", "send", "sendmsg"];
    process.inject(...several(calls, "EAGAIN", times));
    await assertServes(process);
    assertEquals(process.happened, calls.length * times);
  });
}
