import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { lacks } from "../support/foreign_program.ts";
import { PYTHON, Supervised } from "../support/run/supervised.ts";

const ignore = await lacks(PYTHON);

/** Begins a slow request, then reloads: the request, and who has it. */
async function reloadWithRequest(
  service: Supervised,
  name: string,
): Promise<{ answer: Promise<unknown> }> {
  const answer = service.ask("/slow");
  // It may be cut before the test waits for it.
  answer.catch(() => {});
  await service.program.output.next("slow");
  await service.reload({ name, ready: "notify" });
  await service.says(": ready");
  return { answer };
}

Deno.test({
  name:
    "--max-draining: the generation that drains longest is ended when one more drains, and the log says so",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving(undefined, {
      options: ["--ready", "notify", "--max-draining", "1"],
    });
    const first = await reloadWithRequest(service, "v2");
    // The old generation accepts until it has seen its signal.
    await service.program.output.next("SIGTERM");
    const second = await reloadWithRequest(service, "v3");
    const line = await service.says("generation 1 ended after");
    assertMatch(line, /of draining: limit of 1 \(--max-draining\)$/);
    await assertRejects(() => first.answer);
    await service.letGoOn();
    assertEquals((await second.answer as { name: string }).name, "v2");
  },
});

Deno.test({
  name:
    "--drain-timeout: a replaced generation gets this time, and not that of --grace",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving(undefined, {
      options: [
        "--ready",
        "notify",
        "--stop-signal",
        "QUIT",
        "--drain-timeout",
        "100ms",
      ],
    });
    const { answer } = await reloadWithRequest(service, "v2");
    const line = await service.says("generation 1 ended after");
    assertMatch(line, /of draining: limit of 100 ms \(--drain-timeout\)$/);
    // First SIGTERM, which this service notes and does not obey.
    await service.program.output.next("SIGTERM");
    await service.says("ended with SIGKILL");
    await assertRejects(() => answer);
  },
});

Deno.test({
  name:
    "--drain-timeout never: a replaced generation drains for longer than --grace",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving(undefined, {
      options: [
        "--ready",
        "notify",
        "--grace",
        "1ms",
        "--drain-timeout",
        "never",
      ],
    });
    const { answer } = await reloadWithRequest(service, "v2");
    // Two more reloads take longer than the grace.
    for (const generation of [3, 4]) {
      await service.reload({ name: `v${generation}`, ready: "notify" });
      await service.says(`generation ${generation}: ready`);
    }
    await service.letGoOn();
    assertEquals((await answer as { name: string }).name, "v1");
  },
});
