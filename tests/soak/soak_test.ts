import { withoutLeak } from "../support/descriptor_leak.ts";
import { CYCLES, SECONDS, SEED, STORM_SECONDS } from "../support/soak/plan.ts";
import { Run } from "../support/soak/run.ts";

Deno.test("a daemon stays consistent under random binds, releases, bad clients, re-execs and policies", async () => {
  console.log(`MULTIBINDER_SOAK=${SECONDS} MULTIBINDER_SOAK_SEED=${SEED}`);
  await withoutLeak(async () => {
    await using run = await Run.start();
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const end = performance.now() + STORM_SECONDS * 1000;
      do await run.storm(); while (performance.now() < end);
      await run.flood();
    }
    await run.finish();
  });
});
