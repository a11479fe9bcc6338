import { assert, assertEquals } from "@std/assert";
import { Program } from "../program.ts";
import { treePath } from "../tree.ts";

/** SIGUSR2's bit in the masks of proc_pid_status(5). */
const SIGUSR2_BIT = 1 << 11;

Deno.test("threads that come to be while all others are told hold the signal back too", async () => {
  for (let round = 0; round < 5; round++) {
    await using program = Program.start(Deno.execPath(), {
      args: ["run", "-A", treePath("tests/ffi/every_thread_program.ts")],
    });
    const { code, output, errors } = await program.end();
    assertEquals({ code, errors }, { code: 0, errors: "" });
    const { worked, masks } = JSON.parse(output);
    assert(worked);
    assert(masks.length > 8, `only ${masks.length} threads`);
    assertEquals(new Set(masks), new Set([SIGUSR2_BIT]));
  }
});
