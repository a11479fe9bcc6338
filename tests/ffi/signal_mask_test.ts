import { assertEquals } from "@std/assert";
import {
  blockSignals,
  unblockSignals,
} from "../../ffi/processes/signal_mask.ts";

/** The blocked signals of this thread, as bits (proc_pid_status(5)). */
function blocked(): bigint {
  const status = Deno.readTextFileSync("/proc/thread-self/status");
  return BigInt(`0x${/^SigBlk:\s*(\w+)$/m.exec(status)![1]}`);
}

const SIGNALS = [
  ["SIGHUP", 1],
  ["SIGINT", 2],
  ["SIGUSR1", 10],
  ["SIGUSR2", 12],
  ["SIGTERM", 15],
] as const;

const bit = (number: number) => 1n << BigInt(number - 1);

for (const [signal, number] of SIGNALS) {
  Deno.test(`${signal} is blocked and unblocked, and no other signal`, () => {
    const before = blocked();
    try {
      blockSignals([signal]);
      assertEquals(blocked(), before | bit(number));
      blockSignals([signal]);
    } finally {
      unblockSignals([signal]);
    }
    assertEquals(blocked(), before & ~bit(number));
  });
}

Deno.test("several signals are blocked at once, and blocked signals stay blocked", () => {
  const before = blocked();
  blockSignals(["SIGUSR1"]);
  blockSignals(["SIGUSR2", "SIGHUP"]);
  assertEquals(blocked(), before | bit(10) | bit(12) | bit(1));
  unblockSignals(["SIGUSR1", "SIGHUP"]);
  assertEquals(blocked(), before | bit(12));
  unblockSignals(["SIGUSR2"]);
  assertEquals(blocked(), before);
});
