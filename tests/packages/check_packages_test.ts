import { assertEquals, assertMatch } from "@std/assert";
import { cp } from "node:fs/promises";
import { prepareFolderRegistry } from "../../tools/folder_registry/prepare.ts";
import { PACKAGE_CONFIGS } from "../../tools/package_configs.ts";

const tree = new URL("../../", import.meta.url);

/** Copies the files of the tool and of the packages. */
async function copyTree(destination: string): Promise<void> {
  const config: { publish: { include: string[] } } = JSON.parse(
    await Deno.readTextFile(new URL("deno.json", tree)),
  );
  const paths = [
    ...PACKAGE_CONFIGS,
    ...config.publish.include,
    "imports.json",
    "packages/",
    "tools/",
  ];
  for (const path of paths) {
    await cp(new URL(path, tree), `${destination}/${path}`, {
      recursive: true,
    });
  }
  await prepareFolderRegistry();
  await Deno.symlink(new URL(".jsr", tree), `${destination}/.jsr`);
}

/** Runs the tool on a copy of this tree that `change` has changed. */
async function checkCopy(
  change: (copy: string) => Promise<void>,
  args: string[] = [],
): Promise<{ code: number; output: string; problems: string }> {
  const copy = await Deno.makeTempDir();
  try {
    await copyTree(copy);
    await change(copy);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", `${copy}/tools/check_packages.ts`, ...args],
      cwd: copy,
      env: { NO_COLOR: "1" },
    }).output();
    const [output = "", problems = ""] = [stdout, stderr].map((bytes) =>
      new TextDecoder().decode(bytes)
    );
    return { code, output, problems };
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
}

/** The names of the packages that do not pass. */
function namesIn(problems: string): string[] {
  return [...problems.matchAll(/^(@multibinder\/\w+) /gm)].map(([, name]) =>
    `${name}`
  );
}

Deno.test("a type error in a client command fails the check of both packages that contain it", async () => {
  const { code, output, problems } = await checkCopy((copy) =>
    Deno.writeTextFile(
      `${copy}/client/command/options/options.ts`,
      "\nconst wrong: number = 'text';\n",
      { append: true },
    )
  );
  assertEquals(
    [code, namesIn(problems)],
    [1, ["@multibinder/multibinder", "@multibinder/client"]],
    output + problems,
  );
  assertMatch(
    output,
    /TS2322 [^]*const wrong: [^]*\/client\/[^/]+\/client\/command\/options\/options\.ts:/,
  );
});

Deno.test("a check that skips types fails for each package", async () => {
  const unchanged = () => Promise.resolve();
  const { code, output, problems } = await checkCopy(unchanged, ["--no-check"]);
  assertEquals(
    [code, namesIn(problems)],
    [1, [
      "@multibinder/multibinder",
      "@multibinder/server",
      "@multibinder/client",
    ]],
    output + problems,
  );
  assertMatch(problems, /deno publish did not check types/);
});
