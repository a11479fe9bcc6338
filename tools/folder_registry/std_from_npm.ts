/**
 * The @std packages this project imports, from the npm package `deno-std`: the
 * real code as plain JavaScript, to which `types/` gives the types. Deno's own
 * npm client fetches it, so a machine with only Deno is enough.
 * @module
 */

import { denoOutput } from "./deno_command.ts";
import type { PackageVersion } from "./package_folder.ts";

const NPM_PACKAGE = "deno-std";
const NPM_VERSION = "1.4.0";

interface StdPackage {
  name: string;
  exports: Record<string, string>;
  /** The file in `types/` that describes what the exports give. */
  types: string;
}

const PACKAGES: StdPackage[] = [
  { name: "assert", exports: { ".": "./mod.js" }, types: "assert.d.ts" },
  {
    name: "cli",
    exports: { "./parse-args": "./parse_args.js" },
    types: "cli.d.ts",
  },
  { name: "path", exports: { ".": "./mod.js" }, types: "path.d.ts" },
];

/**
 * What the packages above import from each other's insides, by folder of the npm
 * package. It is `@std/internal` alone, which no import map names: the version is
 * the one that `@std/assert` 1.0.19 asks for.
 */
const INTERNAL = { name: "internal", version: "1.0.12" };

interface Position {
  line: number;
  character: number;
}
interface Module {
  specifier: string;
  dependencies?: {
    specifier: string;
    code?: { specifier: string; span: { start: Position; end: Position } };
  }[];
}

/** Fetches the npm package and cuts it into the JSR packages of `versions`. */
export async function stdFromNpm(
  scratch: string,
  versions: ReadonlyMap<string, string>,
): Promise<PackageVersion[]> {
  const source = await fetchSource(scratch);
  const entries = PACKAGES.flatMap((each) =>
    Object.values(each.exports).map((path) => `${each.name}/${path.slice(2)}`)
  );
  const modules = await moduleGraph(source, entries);

  const packages = new Map<string, PackageVersion>();
  const packageOf = (name: string): PackageVersion => {
    const version = name === INTERNAL.name
      ? INTERNAL.version
      : versions.get(name);
    if (version === undefined) {
      throw new Error(
        `@std/${name} comes out of npm:${NPM_PACKAGE}@${NPM_VERSION}, but imports.json has no version of it: add it there, or a constant beside INTERNAL in ${import.meta.filename}`,
      );
    }
    let entry = packages.get(name);
    if (entry === undefined) {
      entry = { scope: "std", name, version, exports: {}, files: new Map() };
      packages.set(name, entry);
    }
    return entry;
  };

  for (const module of modules) {
    const [folder, path] = folderAndPath(source, module.specifier);
    const own = packageOf(folder);
    let text = await Deno.readTextFile(new URL(module.specifier));
    const crossing = (module.dependencies ?? []).flatMap(({ code }) => {
      if (code === undefined) return [];
      const [toFolder, toPath] = folderAndPath(source, code.specifier);
      if (toFolder === folder) return [];
      const to = packageOf(toFolder);
      const name = exportName(toPath);
      to.exports[name] = `.${toPath}`;
      const wanted = `jsr:@std/${toFolder}@^${to.version}${name.slice(1)}`;
      return [{ span: code.span, wanted }];
    });
    for (const { span, wanted } of crossing.toReversed()) {
      text = replaceSpan(text, span, JSON.stringify(wanted));
    }
    own.files.set(path, new TextEncoder().encode(text));
  }

  for (const each of PACKAGES) {
    const entry = packageOf(each.name);
    Object.assign(entry.exports, each.exports);
    await attachTypes(entry, each);
  }
  return [...packages.values()];
}

/** The npm package's folder, copied out of node_modules, which Deno's module graph leaves out. */
async function fetchSource(scratch: string): Promise<string> {
  const project = `${scratch}/npm`;
  await Deno.mkdir(project, { recursive: true });
  const dependencies = { [NPM_PACKAGE]: NPM_VERSION };
  await Deno.writeTextFile(
    `${project}/package.json`,
    JSON.stringify({ dependencies }),
  );
  await Deno.writeTextFile(
    `${project}/deno.json`,
    JSON.stringify({ nodeModulesDir: "auto", lock: false }),
  );
  await denoOutput(["install", "--quiet"], { cwd: project });
  const source = `${scratch}/std`;
  await Deno.rename(
    await Deno.realPath(`${project}/node_modules/${NPM_PACKAGE}`),
    source,
  );
  return source;
}

/** Every module that `entries` reach, with the place of each import in its text. */
async function moduleGraph(
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

function folderAndPath(source: string, specifier: string): [string, string] {
  const inside = new URL(specifier).pathname.slice(source.length + 1);
  const slash = inside.indexOf("/");
  return [inside.slice(0, slash), inside.slice(slash)];
}

function exportName(path: string): string {
  return "." + path.replace(/\.js$/, "").replaceAll("_", "-");
}

function replaceSpan(
  text: string,
  span: { start: Position; end: Position },
  replacement: string,
): string {
  const lines = text.split("\n");
  const line = lines[span.start.line];
  if (line === undefined || span.start.line !== span.end.line) {
    throw new RangeError(
      `import specifier at line ${span.start.line} is not on one line of its module`,
    );
  }
  lines[span.start.line] = line.slice(0, span.start.character) + replacement +
    line.slice(span.end.character);
  return lines.join("\n");
}

async function attachTypes(
  entry: PackageVersion,
  { exports, types }: StdPackage,
): Promise<void> {
  const path = new URL(`types/${types}`, import.meta.url);
  entry.files.set(`/${types}`, await Deno.readFile(path));
  for (const exported of Object.values(exports)) {
    const module = entry.files.get(exported.slice(1));
    if (module === undefined) {
      throw new Error(
        `npm:${NPM_PACKAGE}@${NPM_VERSION} has no ${entry.name}/${exported}`,
      );
    }
    const text = `// @ts-self-types="./${types}"\n` +
      new TextDecoder().decode(module);
    entry.files.set(exported.slice(1), new TextEncoder().encode(text));
  }
}
