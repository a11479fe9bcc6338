import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { VERSION } from "../../version.ts";
import { MINIMAL_FLAGS } from "../support/daemon.ts";
import { Program } from "../support/program.ts";
import { Scratch, treePath } from "../support/tree.ts";

async function run(...args: string[]) {
  await using scratch = await Scratch.make();
  await using program = Program.start(Deno.execPath(), {
    args: ["run", ...MINIMAL_FLAGS, treePath("server.ts"), ...args],
    cwd: scratch.path,
  });
  const end = await program.end();
  const made = await Array.fromAsync(Deno.readDir(scratch.path));
  return { ...end, made: made.length };
}

const WRONG: [what: string, args: string[], says: string][] = [
  ["no path", [], "missing"],
  ["an empty path", [""], "missing"],
  ["two paths", ["one.sock", "two.sock"], "two.sock"],
  ["an unknown option", ["--colour", "a.sock"], "--colour"],
  ["an unknown short option", ["-x", "a.sock"], "-x"],
  ["a mode that is not octal", ["--mode", "rw", "a.sock"], "--mode rw"],
  ["a mode with a digit too many", ["--mode", "06000", "a.sock"], "06000"],
  ["a misspelt option", ["--polcy", "x", "a.sock"], "did you mean --policy?"],
  ["an unknown level", ["--log-level", "loud", "a.sock"], "--log-level"],
  ["an unknown format", ["--log-format", "xml", "a.sock"], "--log-format"],
];

for (const [what, args, says] of WRONG) {
  Deno.test(`a usage error exits with code 2 and names --help: ${what}`, async () => {
    const { code, output, errors, made } = await run(...args);
    assertEquals({ code, output, made }, { code: 2, output: "", made: 0 });
    assertStringIncludes(errors.split("\n")[0]!, says);
    assertStringIncludes(errors, 'see "multibinder-server --help"');
  });
}

for (const option of ["-h", "--help"]) {
  Deno.test(`${option} prints the usage and exits with code 0`, async () => {
    const { code, output, errors } = await run(option);
    assertEquals({ code, errors }, { code: 0, errors: "" });
    assert(output.startsWith("Usage: multibinder-server "));
  });
}

Deno.test("docs/daemon.md quotes what --help prints", async () => {
  const { output } = await run("--help");
  const page = await Deno.readTextFile(treePath("docs/daemon.md"));
  assertStringIncludes(page, `\`\`\`text\n${output.trim()}\n\`\`\``);
});

for (const option of ["-V", "--version"]) {
  Deno.test(`${option} prints the version and exits with code 0`, async () => {
    const { code, output, errors } = await run(option);
    assertEquals({ code, output: output.trim(), errors }, {
      code: 0,
      output: VERSION,
      errors: "",
    });
  });
}

Deno.test("-h and -V need no permission", async () => {
  for (const option of ["-h", "-V"]) {
    await using program = Program.start(Deno.execPath(), {
      args: ["run", "--no-prompt", treePath("server.ts"), option],
    });
    const { code, errors } = await program.end();
    assertEquals({ code, errors }, { code: 0, errors: "" });
  }
});
