import { assertEquals, assertStringIncludes } from "@std/assert";
import { FACES, FOLDERS } from "../support/permissions/sources.ts";
import { Scratch, treePath } from "../support/tree.ts";

/** The files and folders of the product. */
const PRODUCT = [...FACES, ...FOLDERS, "imports.json"];

async function copyOfProduct(scratch: Scratch): Promise<string> {
  const tree = scratch.join("tree");
  await Deno.mkdir(tree);
  const { success } = await new Deno.Command("cp", {
    args: ["-r", ...PRODUCT.map(treePath), tree],
  }).output();
  assertEquals(success, true);
  return tree;
}

async function checkStructure(
  tree: string,
): Promise<{ code: number; problems: string[] }> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", treePath("tools/structure/check.ts"), tree],
    env: { NO_COLOR: "1" },
  }).output();
  const lines = new TextDecoder().decode(stderr).trimEnd().split("\n");
  assertStringIncludes(lines.pop()!, "check:structure: ");
  return { code, problems: lines };
}

async function plant(path: string, line: string): Promise<void> {
  const text = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, `${line}\n${text}`);
}

Deno.test("check:structure finds no problem in this tree", async () => {
  assertEquals(await checkStructure(treePath(".")), { code: 0, problems: [] });
});

Deno.test("check:structure fails on an upward import, also of a type", async () => {
  await using scratch = await Scratch.make();
  const tree = await copyOfProduct(scratch);
  await plant(`${tree}/protocol.ts`, 'import type {} from "./client.ts";');
  const { code, problems } = await checkStructure(tree);
  assertEquals(code, 1);
  assertEquals(
    problems.includes("protocol.ts imports client.ts, which is not below it"),
    true,
    problems.join("\n"),
  );
});

Deno.test("check:structure fails on an import circle", async () => {
  await using scratch = await Scratch.make();
  const tree = await copyOfProduct(scratch);
  await plant(`${tree}/address.ts`, 'import type {} from "./protocol.ts";');
  const { code, problems } = await checkStructure(tree);
  assertEquals({ code, problems }, {
    code: 1,
    problems: ["import circle: address.ts, protocol.ts"],
  });
});

Deno.test("check:structure fails on an import of another folder's private file, and on a file that is not imported", async () => {
  await using scratch = await Scratch.make();
  const tree = await copyOfProduct(scratch);
  await Deno.writeTextFile(
    `${tree}/client/unused.ts`,
    'import "./command/status_lines.ts";\n',
  );
  const { code, problems } = await checkStructure(tree);
  assertEquals({ code, problems }, {
    code: 1,
    problems: [
      "client/unused.ts imports client/command/status_lines.ts, which is private to its folder",
      "nothing imports client/unused.ts",
    ],
  });
});
