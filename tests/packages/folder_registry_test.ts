import { assertEquals } from "@std/assert";
import { prepareFolderRegistry } from "../../tools/folder_registry/prepare.ts";

async function names(directory: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir(directory)) found.push(name);
  return found.sort();
}

Deno.test("concurrent processes prepare one folder registry", async () => {
  const all = await Deno.makeTempDir();
  try {
    const ready = await Promise.all(
      Array.from({ length: 4 }, () => prepareFolderRegistry(all)),
    );
    assertEquals(new Set(ready).size, 1);
    assertEquals(
      (await names(all)).map((name) => `${all}/${name}`),
      [ready[0] ?? "none"],
    );
  } finally {
    await Deno.remove(all, { recursive: true });
  }
});

Deno.test("an existing folder registry is used as it is", async () => {
  const all = await Deno.makeTempDir();
  try {
    const first = await prepareFolderRegistry(all);
    const { ino } = await Deno.stat(first);
    const again = await prepareFolderRegistry(all);
    assertEquals(again, first);
    assertEquals((await Deno.stat(again)).ino, ino);
  } finally {
    await Deno.remove(all, { recursive: true });
  }
});

Deno.test("the folder registry checks and runs the code that the project imports", async () => {
  const scratch = await Deno.makeTempDir();
  try {
    const registry = await prepareFolderRegistry(`${scratch}/jsr`);
    const importMap = new URL("../../imports.json", import.meta.url);
    await Deno.writeTextFile(
      `${scratch}/main.ts`,
      `import { assertEquals } from "@std/assert";
import { parseArgs } from "@std/cli/parse-args";
import { BaseHandler } from "@std/log/base-handler";
import { Logger } from "@std/log/logger";
import { join } from "@std/path";
import { dirname } from "@std/path/posix/dirname";

class Kept extends BaseHandler {
  lines: string[] = [];
  override log(line: string): void {
    this.lines.push(line);
  }
}
const kept = new Kept("DEBUG");
const logger = new Logger("main", "INFO", { handlers: [kept] });
const options = parseArgs(["--mode", "0660", "sock"], { string: ["mode"] });
logger.info(join(dirname("/run/x"), String(options._[0])), { mode: options.mode });
logger.debug(() => "not asked for");
const mode: string | undefined = options.mode;
assertEquals([kept.lines, mode], [["INFO /run/sock"], "0660"]);
console.log("ran");
`,
    );
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--check=all",
        "--no-config",
        `--import-map=${importMap.pathname}`,
        `${scratch}/main.ts`,
      ],
      cwd: scratch,
      env: { JSR_URL: `file://${registry}/`, NO_COLOR: "1" },
    }).output();
    assertEquals(
      [code, new TextDecoder().decode(stdout)],
      [0, "ran\n"],
      new TextDecoder().decode(stderr),
    );
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
});
