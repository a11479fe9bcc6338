import { assert, assertEquals, assertMatch } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { Sandbox } from "../support/pages/sandbox.ts";
import { pages } from "../support/pages/shell_blocks.ts";
import { treePath } from "../support/tree.ts";

/** The TypeScript blocks of a page. */
async function programsOf(page: string): Promise<string[]> {
  const text = await Deno.readTextFile(treePath(page));
  return [...text.matchAll(/^```ts[^\n]*\n([^]*?)^```$/gm)]
    .map(([, code]) => code!);
}

/** Writes the only program of a page into a sandbox. */
async function programOf(page: string, sandbox: Sandbox): Promise<void> {
  const [code = ""] = await programsOf(page);
  await Deno.writeTextFile(sandbox.work("page.ts"), sandbox.substitute(code));
}

Deno.test("every TypeScript block of every page passes the type check with the packages as published", async () => {
  await using sandbox = await Sandbox.make();
  const names: string[] = [];
  for (const page of await pages()) {
    for (const [index, code] of (await programsOf(page)).entries()) {
      const name = `${page.replaceAll("/", "_")}_${index}.ts`;
      await Deno.writeTextFile(sandbox.work(name), code);
      names.push(name);
    }
  }
  assert(names.length > 3, names.join());
  await using check = sandbox.start(`deno check ${names.join(" ")}`);
  const { code, errors } = await check.end();
  assertEquals(code, 0, errors);
});

Deno.test("the program in the README of @multibinder/server runs a daemon", async () => {
  await using sandbox = await Sandbox.make();
  await programOf("packages/server.md", sandbox);
  await using program = sandbox.start("deno run --no-config -A page.ts");
  const { code, output, errors } = await program.end();
  assertEquals(code, 0, errors);
  assertMatch(output, /^multibinder listens on .*multibinder\.sock$/);
});

Deno.test("the program in the README of @multibinder/client serves, and ends on SIGTERM", async () => {
  await using sandbox = await Sandbox.make();
  await programOf("packages/client.md", sandbox);
  await using daemon = sandbox.start(`multibinder-server ${sandbox.sock}`);
  await daemon.output.next("Listening");
  await using program = sandbox.start("deno run --no-config -A page.ts");
  await eventually(() => program.errors.text, async () => {
    try {
      const url = `http://${sandbox.host}:8000/`;
      return await (await fetch(url)).text() === "hello\n";
    } catch {
      return false;
    }
  });
  program.signal("SIGTERM");
  const { code, errors } = await program.end();
  assertEquals(code, 0, errors);
});
