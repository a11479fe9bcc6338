import { assert, assertEquals } from "@std/assert";
import { Program } from "../program.ts";
import { treePath } from "../tree.ts";

/** Bits in the masks of proc_pid_status(5). */
const SIGUSR2_BIT = 1n << 11n;
const SIGURG_BIT = 1n << 22n;

/** What the program prints, started by the words before its own command. */
async function outcome(
  ...under: string[]
): Promise<{ worked: boolean; blocked: bigint[]; output: string }> {
  const script = treePath("tests/ffi/every_thread_program.ts");
  const command = [...under, Deno.execPath(), "run", "-A", script];
  await using program = Program.start(command[0]!, { args: command.slice(1) });
  const { code, output, errors } = await program.end();
  assertEquals({ code, errors }, { code: 0, errors: "" });
  const { worked, masks } = JSON.parse(output);
  return { worked, blocked: masks.map(BigInt), output };
}

Deno.test("threads that come to be while all others are told hold the signal back too", async () => {
  for (let round = 0; round < 3; round++) {
    const { worked, blocked, output } = await outcome();
    assert(blocked.length > 8, `only ${blocked.length} threads`);
    assert(blocked.every((mask) => (mask & SIGUSR2_BIT) !== 0n), output);
    // An emulator of another processor has a thread that holds all back.
    const unreached = blocked.some((mask) => (mask & SIGURG_BIT) !== 0n);
    assertEquals(worked, !unreached, output);
  }
});

Deno.test("where no thread takes SIGURG, they cannot be told, and that is said", async () => {
  const { worked } = await outcome("env", "--block-signal=URG");
  assertEquals(worked, false);
});
