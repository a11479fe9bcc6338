import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { stagePackages } from "../../tools/stage_packages.ts";
import { VERSION } from "../../version.ts";
import { treePath } from "../support/tree.ts";

const PROGRAM = /deno (?:run|cache|serve|install)\b.*jsr:@multibinder/;

/** Files of the tree that a user copies commands from. */
async function documents(): Promise<string[]> {
  const { stdout } = await new Deno.Command("git", {
    args: ["ls-files", "*.md", "*.ts", "*.service", "examples"],
    cwd: fromFileUrl(new URL("../..", import.meta.url)),
  }).output();
  return new TextDecoder().decode(stdout).trim().split("\n")
    .filter((path) => !path.startsWith("tests/"));
}

Deno.test("every documented command that runs one of our packages has --no-config", async () => {
  let found = 0;
  for (const path of new Set(await documents())) {
    const text = await Deno.readTextFile(treePath(path));
    for (const line of text.split("\n")) {
      const [command] = PROGRAM.exec(line) ?? [];
      // An installed program never reads the working directory's deno.json; a
      // program with --preload is the user's own, with its configuration.
      if (command === undefined) continue;
      if (/install|--preload/.test(command)) continue;
      found++;
      assertEquals(command.includes("--no-config"), true, `${path}: ${line}`);
    }
  }
  assertEquals(found > 10, true, `${found} commands found`);
});

Deno.test("a deno.json in the working directory can replace a package of the daemon, and cannot with --no-config", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await stagePackages(`${directory}/jsr`);
    await Deno.writeTextFile(
      `${directory}/deno.json`,
      JSON.stringify({
        imports: { "jsr:@multibinder/server": "./another_program.ts" },
      }),
    );
    await Deno.writeTextFile(
      `${directory}/another_program.ts`,
      'console.log("another program");',
    );
    const run = async (...flags: string[]) => {
      const { stdout } = await new Deno.Command(Deno.execPath(), {
        args: ["run", ...flags, "-A", "jsr:@multibinder/server", "-V"],
        cwd: directory,
        env: { JSR_URL: `file://${directory}/jsr/` },
      }).output();
      return new TextDecoder().decode(stdout);
    };
    assertEquals(await run("--no-config"), `${VERSION}\n`);
    assertEquals(await run(), "another program\n");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
