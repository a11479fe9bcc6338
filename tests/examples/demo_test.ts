import { assertEquals, assertMatch } from "@std/assert";
import { Program } from "../support/program.ts";
import { treePath } from "../support/tree.ts";

Deno.test("the demo replaces service and daemon under load and loses no request", async () => {
  await using demo = Program.start(Deno.execPath(), {
    args: ["run", "-A", treePath("examples/demo/demo.ts")],
  });
  const { code, output, errors } = await demo.end();
  assertEquals(code, 0, output + errors);
  assertMatch(output, /^lost +0$/m);
  assertMatch(output, /^daemon generations +16$/m);
});
