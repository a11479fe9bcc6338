import { assert, assertEquals } from "@std/assert";
import { lacks } from "../support/foreign_program.ts";
import { type Outcome, runPage } from "../support/pages/run_page.ts";
import { allBlocks, commandsOf } from "../support/pages/shell_blocks.ts";

const ignore = await lacks("bash", "gunicorn", "haproxy", "node");

const pages = Map.groupBy(await allBlocks(), ({ page }) => page);
const outcomes: Outcome[] = [];

for (const [page, blocks] of pages) {
  Deno.test({
    name: `the commands of ${page} do what it says`,
    ignore,
    fn: async () => {
      const found = await runPage(blocks);
      assert(found.length >= blocks.length);
      outcomes.push(...found);
    },
  });
}

Deno.test({
  name: "every command of a page is run, or there is a reason",
  ignore,
  fn: async () => {
    const all = (await allBlocks()).flatMap(({ text }) => commandsOf(text));
    assertEquals(outcomes.length, all.length);
    const reasons = outcomes.map(({ reason }) => reason)
      .filter((reason) => reason !== undefined);
    console.log(
      `${all.length} commands: ${all.length - reasons.length} run here`,
    );
    for (const [reason, each] of Map.groupBy(reasons, (reason) => reason)) {
      console.log(`${each.length} not: ${reason}`);
    }
    assert(reasons.length < all.length);
  },
});
