import { assert, assertEquals } from "@std/assert";
import { Program } from "../support/program.ts";
import { treePath } from "../support/tree.ts";
import { filesBelow } from "../../tools/files_below.ts";
import { invocationsIn, problemsOf } from "../support/pages/invocations.ts";
import { NOT_RUN } from "../support/pages/not_run.ts";
import { allBlocks, commandsOf, pages } from "../support/pages/shell_blocks.ts";

Deno.test("bash can parse every shell block of every page", async () => {
  const blocks = await allBlocks();
  assert(blocks.length > 20);
  for (const { page, line, text } of blocks) {
    await using bash = Program.start("bash", { args: ["-n", "-c", text] });
    assertEquals(
      await bash.end(),
      { code: 0, signal: null, output: "", errors: "" },
      `${page}:${line}`,
    );
  }
  console.log(`${blocks.length} blocks`);
});

/** The text of every page, and of every example. */
async function texts(): Promise<Map<string, string>> {
  const examples = (await filesBelow(treePath("examples")))
    .map((path) => `examples${path}`);
  const all = new Map<string, string>();
  for (const path of [...await pages(), ...examples]) {
    all.set(path, await Deno.readTextFile(treePath(path)));
  }
  return all;
}

Deno.test("every command and option of multibinder's programs on a page is in --help", async () => {
  const problems: string[] = [];
  let count = 0;
  for (const [path, text] of await texts()) {
    for (const invocation of invocationsIn(text)) {
      count += 1;
      for (const problem of problemsOf(invocation)) {
        problems.push(`${path}: ${problem}: ${invocation.text.trim()}`);
      }
    }
  }
  assertEquals(problems, []);
  assert(count > 60, `only ${count}`);
  console.log(`${count} command lines`);
});

Deno.test("each reason not to run a command applies to a command", async () => {
  const commands = (await allBlocks()).flatMap(({ text }) => commandsOf(text));
  const unused = NOT_RUN.filter(([pattern]) =>
    !commands.some((command) => pattern.test(command))
  );
  assertEquals(unused, []);
});
