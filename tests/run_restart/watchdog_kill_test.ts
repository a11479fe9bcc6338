import { assertEquals } from "@std/assert";
import { lacks } from "../support/foreign_program.ts";
import { PYTHON, Supervised } from "../support/run/supervised.ts";

const ignore = await lacks(PYTHON);

Deno.test({
  name:
    "--watchdog: a program that ignores SIGABRT is killed, and one that sends WATCHDOG=1 is not",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving(
      { name: "v1", ready: "notify", alive: true },
      { options: ["--ready", "notify", "--watchdog", "2s"] },
    );
    // Each of these lines is a WATCHDOG=1, half a second after the one before.
    for (let count = 0; count < 6; count++) {
      await service.program.output.next("alive");
    }
    assertEquals(service.program.errors.text.includes("WATCHDOG=1"), false);
    await service.reload({ name: "v2", ready: "notify", unabortable: true });
    await service.says("generation 2: ready");
    await service.says("generation 2: no WATCHDOG=1");
    await service.says("ended with SIGKILL");
  },
});
