import { assert, assertEquals } from "@std/assert";
import { userId } from "../../ffi/processes/process.ts";
import { lacks } from "../support/foreign_program.ts";
import { pages } from "../support/pages/shell_blocks.ts";
import { Program } from "../support/program.ts";
import { treePath } from "../support/tree.ts";
import { filesBelow } from "../../tools/files_below.ts";

/** The text of each page, and of each file of the examples. */
async function texts(): Promise<string[]> {
  const examples = (await filesBelow(treePath("examples")))
    .map((path) => `examples${path}`);
  return await Promise.all(
    [...await pages(), ...examples].map((path) =>
      Deno.readTextFile(treePath(path))
    ),
  );
}

Deno.test({
  name: "each systemd-sysusers command of a page finds its file",
  ignore: userId() !== 0 || await lacks("systemd-sysusers"),
  fn: async () => {
    const commands = (await texts()).flatMap((text) =>
      [...text.matchAll(/systemd-sysusers [^`\n#]+/g)].map(([each]) => each)
    );
    assert(commands.length > 0);
    for (const command of commands) {
      const dry = command.replace("sysusers", "sysusers --dry-run");
      await using program = Program.start("bash", {
        args: ["-c", dry],
        cwd: treePath("examples/systemd"),
      });
      const { code, errors } = await program.end();
      assertEquals(code, 0, `${command}: ${errors}`);
    }
  },
});

Deno.test("every unit on a page and in the examples works before systemd 253: Type=notify", async () => {
  const types = (await texts()).flatMap((text) =>
    [...text.matchAll(/^ *Type=(.*)$/gm)].map(([, type]) => type!)
  );
  assert(types.length > 2);
  assert(types.includes("notify"));
  assert(!types.includes("notify-reload"), types.join());
});
