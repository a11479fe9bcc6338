/**
 * The @std packages this project imports, from the npm package `deno-std`: the
 * real code as plain JavaScript, to which `types/` gives the types. Deno's own
 * npm client fetches it, so a machine with only Deno is enough.
 * @module
 */

import {
  fetchNpmPackage,
  type Module,
  moduleGraph,
  type Position,
} from "./npm_source.ts";
import type { PackageVersion } from "./package_folder.ts";
import {
  describeExports,
  exportName,
  INTERNAL,
  PACKAGES,
} from "./std_packages.ts";

const NPM_PACKAGE = "deno-std";
const NPM_VERSION = "1.4.0";

/** Fetches the npm package and cuts it into the JSR packages of `versions`. */
export async function stdFromNpm(
  scratch: string,
  versions: ReadonlyMap<string, string>,
): Promise<PackageVersion[]> {
  const source = await fetchNpmPackage(scratch, NPM_PACKAGE, NPM_VERSION);
  const entries = PACKAGES.flatMap(({ name, whole }) =>
    whole.map((path) => `${name}/${path}`)
  );
  const packages = emptyPackages(versions);
  for (const module of await moduleGraph(source, entries)) {
    await addModule(packages, source, module);
  }
  for (const each of PACKAGES) {
    await describeExports(packageIn(packages, each.name), each);
  }
  return [...packages.values()];
}

type Packages = ReadonlyMap<string, PackageVersion>;

function emptyPackages(versions: ReadonlyMap<string, string>): Packages {
  const packages = new Map<string, PackageVersion>();
  for (const { name } of PACKAGES) {
    const version = versions.get(name);
    if (version === undefined) {
      throw new Error(
        `imports.json names no @std/${name}: take it out of tools/folder_registry/std_packages.ts too`,
      );
    }
    packages.set(name, emptyPackage(name, version));
  }
  packages.set(INTERNAL.name, emptyPackage(INTERNAL.name, INTERNAL.version));
  return packages;
}

function emptyPackage(name: string, version: string): PackageVersion {
  return { scope: "std", name, version, exports: {}, files: new Map() };
}

function packageIn(packages: Packages, name: string): PackageVersion {
  const found = packages.get(name);
  if (found === undefined) {
    throw new Error(
      `npm:${NPM_PACKAGE}@${NPM_VERSION} imports from its folder ${name}: add that to tools/folder_registry/std_packages.ts`,
    );
  }
  return found;
}

/**
 * Adds a module to the package of its folder. What it imports from another
 * folder becomes an import from that package on JSR, and an export there.
 */
async function addModule(
  packages: Packages,
  source: string,
  module: Module,
): Promise<void> {
  const [folder, path] = folderAndPath(source, module.specifier);
  let text = await Deno.readTextFile(new URL(module.specifier));
  for (const { code } of module.dependencies ?? []) {
    if (code === undefined) continue;
    const [otherFolder, otherPath] = folderAndPath(source, code.specifier);
    if (otherFolder === folder) continue;
    const other = packageIn(packages, otherFolder);
    const name = exportName(otherPath);
    other.exports[name] = `.${otherPath}`;
    const specifier = `jsr:@std/${other.name}@^${other.version}${
      name.slice(1)
    }`;
    text = replaceOnLine(text, code.span, JSON.stringify(specifier));
  }
  packageIn(packages, folder).files.set(path, new TextEncoder().encode(text));
}

function folderAndPath(source: string, specifier: string): [string, string] {
  const inside = new URL(specifier).pathname.slice(source.length + 1);
  const slash = inside.indexOf("/");
  return [inside.slice(0, slash), inside.slice(slash)];
}

/** Other lines keep their places, so spans of imports on them stay true. */
function replaceOnLine(
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
