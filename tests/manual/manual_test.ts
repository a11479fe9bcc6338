import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { entriesOf, readUsage } from "../../completions/usage_text.ts";
import { clientCommand } from "../support/client_program.ts";
import { MINIMAL_FLAGS } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { Program } from "../support/program.ts";
import { Scratch, treePath } from "../support/tree.ts";

async function outputOf(command: readonly string[]): Promise<string> {
  await using program = Program.start(command[0]!, {
    args: command.slice(1),
    env: { MANWIDTH: "200", MAN_KEEP_FORMATTING: "" },
    cwd: treePath(""),
  });
  const { code, output, errors } = await program.end();
  assertEquals({ code, errors }, { code: 0, errors: "" }, command.join(" "));
  return output;
}

/** What `deno task manual PREFIX` runs. */
async function writeManual(prefix: string): Promise<string[]> {
  const { tasks }: { tasks: Record<string, { command: string }> } = JSON.parse(
    await Deno.readTextFile(treePath("deno.json")),
  );
  const [, , ...rest] = tasks["manual"]!.command.split(" ");
  const output = await outputOf([Deno.execPath(), "run", ...rest, prefix]);
  return output.split("\n").map((path) => path.slice(prefix.length + 1));
}

async function helpOf(program: string): Promise<string> {
  return await outputOf(
    program === "client.ts" ? clientCommand(["--help"]) : [
      Deno.execPath(),
      "run",
      ...MINIMAL_FLAGS,
      treePath(program),
      "--help",
    ],
  );
}

const PAGES = {
  "man/man8/multibinder.8": "server.ts",
  "man/man1/multibinder-client.1": "client.ts",
  "man/man1/multibinder-haproxy.1": "haproxy/mod.ts",
  "man/man5/multibinder-policy.5": undefined,
} as const;

/** A manual page as a reader sees it, with single spaces. */
async function shown(path: string): Promise<string> {
  const text = await outputOf([
    "mandoc",
    "-T",
    "utf8",
    "-O",
    "width=200",
    path,
  ]);
  // deno-lint-ignore no-control-regex -- bold is a character over itself
  return text.replaceAll(/.\x08/g, "").replaceAll(/\s+/g, " ");
}

Deno.test({
  name:
    "deno task manual writes pages without a warning of mandoc, with every option of --help",
  ignore: await lacks("mandoc"),
  fn: async () => {
    await using scratch = await Scratch.make();
    const written = await writeManual(scratch.path);
    for (const [path, program] of Object.entries(PAGES)) {
      assert(written.includes(path), written.join());
      const file = scratch.join(path);
      assertEquals(await outputOf(["mandoc", "-T", "lint", file]), "");
      const text = await shown(file);
      if (program === undefined) continue;
      for (const { term } of entriesOf(readUsage(await helpOf(program)))) {
        assertStringIncludes(text, term);
      }
    }
  },
});

Deno.test({
  name:
    "multibinder-policy(5) has every section and every key of docs/policy.md",
  ignore: await lacks("mandoc"),
  fn: async () => {
    await using scratch = await Scratch.make();
    await writeManual(scratch.path);
    const text = await shown(scratch.join("man/man5/multibinder-policy.5"));
    const document = await Deno.readTextFile(treePath("docs/policy.md"));
    const headings = [...document.matchAll(/^## (.*)$/gm)]
      .map(([, heading]) => heading!.toUpperCase());
    assert(headings.length > 3);
    for (const heading of headings) assertStringIncludes(text, heading);
    const keys = [...document.matchAll(/^\| `([^`]*)`/gm)];
    assert(keys.length > 10);
    for (const [, key] of keys) assertStringIncludes(text, key!);
  },
});

Deno.test("deno task manual writes the completions where shells look for them", async () => {
  await using scratch = await Scratch.make();
  const written = await writeManual(scratch.path);
  for (const name of ["server", "client", "haproxy"]) {
    for (
      const path of [
        `bash-completion/completions/multibinder-${name}`,
        `zsh/site-functions/_multibinder-${name}`,
        `fish/vendor_completions.d/multibinder-${name}.fish`,
      ]
    ) assert(written.includes(path), written.join());
  }
});
