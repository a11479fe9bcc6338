/**
 * Fetches an npm package as a folder of modules, and reads its import graph.
 * @module
 */

import { denoOutput } from "./deno_command.ts";

/** A place in a module's text, both counted from zero. */
export interface Position {
  line: number;
  character: number;
}

/** A module with its imports, as `deno info --json` tells of them. */
export interface Module {
  specifier: string;
  dependencies?: {
    /** Missing for a type-only import. */
    code?: { specifier: string; span: { start: Position; end: Position } };
  }[];
}

/**
 * Fetches a package with Deno's npm client and returns its folder below
 * `scratch`, outside node_modules, because the module graph omits files in
 * node_modules.
 */
export async function fetchNpmPackage(
  scratch: string,
  name: string,
  version: string,
): Promise<string> {
  const project = `${scratch}/npm`;
  await Deno.mkdir(project, { recursive: true });
  await Deno.writeTextFile(
    `${project}/package.json`,
    JSON.stringify({ dependencies: { [name]: version } }),
  );
  await Deno.writeTextFile(
    `${project}/deno.json`,
    JSON.stringify({ nodeModulesDir: "auto", lock: false }),
  );
  await denoOutput(["install", "--quiet"], { cwd: project });
  const source = `${scratch}/source`;
  await Deno.rename(
    await Deno.realPath(`${project}/node_modules/${name}`),
    source,
  );
  return source;
}

/** Every module that `entries` reach, with the place of each import in its text. */
export async function moduleGraph(
  source: string,
  entries: string[],
): Promise<Module[]> {
  const root = `${source}/entries.js`;
  await Deno.writeTextFile(
    root,
    entries.map((path) => `import "./${path}";\n`).join(""),
  );
  const graph: { modules: Module[] } = JSON.parse(
    await denoOutput(["info", "--json", "--no-config", "--no-lock", root], {
      cwd: source,
    }),
  );
  return graph.modules.filter(({ specifier }) =>
    !specifier.endsWith("/entries.js")
  );
}
