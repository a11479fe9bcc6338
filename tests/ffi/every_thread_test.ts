import { assert, assertEquals } from "@std/assert";
import { Program } from "../program.ts";
import { treePath } from "../tree.ts";

/** Bits in the masks of proc_pid_status(5). */
const SIGUSR2_BIT = 1n << 11n;
const SIGURG_BIT = 1n << 22n;

Deno.test("threads that come to be while all others are told hold the signal back too", async () => {
  for (let round = 0; round < 3; round++) {
    await using program = Program.start(Deno.execPath(), {
      args: ["run", "-A", treePath("tests/ffi/every_thread_program.ts")],
    });
    const { code, output, errors } = await program.end();
    assertEquals({ code, errors }, { code: 0, errors: "" });
    const { worked, masks } = JSON.parse(output);
    assert(masks.length > 8, `only ${masks.length} threads`);
    const blocked: bigint[] = masks.map(BigInt);
    assert(blocked.every((mask) => (mask & SIGUSR2_BIT) !== 0n), output);
    // An emulator of another processor has a thread that holds all back.
    const unreached = blocked.some((mask) => (mask & SIGURG_BIT) !== 0n);
    assertEquals(worked, !unreached, output);
  }
});
