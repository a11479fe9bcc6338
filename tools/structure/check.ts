/**
 * `deno task check:structure [TREE]`: fails on an import that goes upwards, an
 * import cycle, an import of a private file of a folder, a folder with too many
 * files, and a file that is never imported. The plan is plan.ts.
 * @module
 */

import { fromFileUrl } from "@std/path";
import { denoOutput } from "../folder_registry/deno_command.ts";
import { PLAN } from "./plan.ts";
import { type Imports, problemsOf } from "./problems.ts";

interface Resolved {
  specifier?: string;
}

interface Graph {
  modules: {
    specifier: string;
    dependencies?: { code?: Resolved; type?: Resolved }[];
  }[];
}

/** The modules below a folder; hidden folders contain external packages. */
async function modulesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (name.startsWith(".") || name === "node_modules") continue;
    if (isDirectory) found.push(...await modulesBelow(path));
    else if (name.endsWith(".ts") && !name.endsWith(".d.ts")) found.push(path);
  }
  return found;
}

/** A module that imports every file of a tree, for `deno info`. */
async function graphOf(tree: string): Promise<Graph> {
  const folder = await Deno.makeTempDir({ prefix: "multibinder-structure-" });
  try {
    const all = `${folder}/all.ts`;
    const lines = (await modulesBelow(tree)).map((path) =>
      `import "file://${path}";\n`
    );
    await Deno.writeTextFile(all, lines.join(""));
    return JSON.parse(
      await denoOutput(
        ["info", "--json", `--import-map=${tree}/imports.json`, all],
        { cwd: tree },
      ),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The imports of a tree's files, types included. */
async function importsOf(tree: string): Promise<Imports> {
  const root = `file://${tree}/`;
  const isOurs = (specifier: string | undefined): specifier is string =>
    specifier !== undefined && specifier.startsWith(root) &&
    !specifier.startsWith(`${root}.`);
  const { modules } = await graphOf(tree);
  return new Map(
    modules.filter(({ specifier }) => isOurs(specifier)).map((
      { specifier, dependencies = [] },
    ) => [
      specifier.slice(root.length),
      dependencies
        .flatMap(({ code, type }) => [code?.specifier, type?.specifier])
        .filter(isOurs)
        .map((each) => each.slice(root.length)),
    ]),
  );
}

const tree = await Deno.realPath(
  Deno.args[0] ?? fromFileUrl(new URL("../..", import.meta.url)),
);
const problems = problemsOf(await importsOf(tree), PLAN);
for (const problem of problems) console.error(problem);
console.error(`check:structure: ${problems.length} problems`);
if (problems.length > 0) Deno.exit(1);
