import { assertEquals, assertMatch } from "@std/assert";
import { Program } from "../support/program.ts";
import { TABLE_IN_README } from "../../tools/save_demo.ts";
import { treePath } from "../support/tree.ts";

/** The table with other figures and other spaces. */
function shapeOf(table: string): string[] {
  return table.trim().split("\n")
    .map((line) => line.replaceAll(/ [\d.]+\b/g, " N").replaceAll(/ +/g, " "));
}

Deno.test("the demo loses no request while service and daemon are replaced, and prints the table of README", async () => {
  await using demo = Program.start(Deno.execPath(), {
    args: ["run", "-A", treePath("examples/demo/demo.ts")],
  });
  const { code, output, errors } = await demo.end();
  assertEquals(code, 0, output + errors);
  assertMatch(output, /^lost +0$/m);
  assertMatch(output, /^daemon generations +16$/m);
  const readme = await Deno.readTextFile(treePath("README.md"));
  const [, table = ""] = TABLE_IN_README.exec(readme) ?? [];
  const [, printed = ""] = output.split("\n\n");
  assertEquals(shapeOf(table), shapeOf(printed));
});
