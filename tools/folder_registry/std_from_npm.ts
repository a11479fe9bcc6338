/**
 * The @std packages that this project imports, from the npm package `deno-std`:
 * the real code as plain JavaScript. `types/PACKAGE/MODULE.d.ts` declares what
 * the project uses of a module, and only the modules declared there are exports.
 * Deno's npm client fetches the code, so a machine with only Deno is enough.
 * @module
 */

import { filesBelow } from "../files_below.ts";
import {
  fetchNpmPackage,
  type Module,
  moduleGraph,
  type Position,
} from "./npm_source.ts";
import { exportName, type PackageVersion } from "./package_folder.ts";

const NPM_PACKAGE = "deno-std";
const NPM_VERSION = "1.4.0";
const TYPES = `${import.meta.dirname}/types`;

/** imports.json does not name it: the other packages import it, at any version. */
const INTERNAL_VERSION = "1.0.12";

/** Fetches the npm package and cuts it into the JSR packages of `versions`. */
export async function stdFromNpm(
  scratch: string,
  versions: Record<string, string>,
): Promise<PackageVersion[]> {
  const source = await fetchNpmPackage(scratch, NPM_PACKAGE, NPM_VERSION);
  const packages = emptyPackages(versions);
  const declarations = await filesBelow(TYPES);
  const modules = await moduleGraph(source, declarations.map(codeOf));
  for (const module of modules) await addModule(packages, source, module);
  for (const path of declarations) await declare(packages, path);
  return [...packages.values()];
}

type Packages = ReadonlyMap<string, PackageVersion>;

function emptyPackages(versions: Record<string, string>): Packages {
  const all = { ...versions, internal: INTERNAL_VERSION };
  return new Map(
    Object.entries(all).map(([name, version]) => [
      name,
      { scope: "std", name, version, exports: {}, files: new Map() },
    ]),
  );
}

function packageIn(packages: Packages, folder: string): PackageVersion {
  const found = packages.get(folder);
  if (found === undefined) {
    throw new Error(
      `imports.json has no @std/${folder}, which ${TYPES} or npm:${NPM_PACKAGE}@${NPM_VERSION} asks for`,
    );
  }
  return found;
}

/**
 * Adds a module to the package of its folder. An import from another folder
 * becomes an import from that package on JSR, and an export there.
 */
async function addModule(
  packages: Packages,
  source: string,
  module: Module,
): Promise<void> {
  const [folder, path] = folderAndPath(pathInside(source, module.specifier));
  let text = await Deno.readTextFile(new URL(module.specifier));
  for (const { code } of module.dependencies ?? []) {
    if (code === undefined) continue;
    const [otherFolder, otherPath] = folderAndPath(
      pathInside(source, code.specifier),
    );
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

/** Makes the module that a file of `types/` declares an export with these types. */
async function declare(packages: Packages, declaration: string): Promise<void> {
  const [folder, typesPath] = folderAndPath(declaration);
  const { files, exports } = packageIn(packages, folder);
  const path = codeOf(typesPath);
  const types = typesPath.slice(typesPath.lastIndexOf("/") + 1);
  const code = new TextDecoder().decode(files.get(path));
  files.set(
    path,
    new TextEncoder().encode(`// @ts-self-types="./${types}"\n${code}`),
  );
  files.set(typesPath, await Deno.readFile(TYPES + declaration));
  exports[exportName(path)] = `.${path}`;
}

function codeOf(declaration: string): string {
  return declaration.replace(/\.d\.ts$/, ".js");
}

function pathInside(source: string, specifier: string): string {
  return new URL(specifier).pathname.slice(source.length);
}

/** "/path/posix/mod.js" is "/posix/mod.js" of the folder "path". */
function folderAndPath(inside: string): [string, string] {
  const slash = inside.indexOf("/", 1);
  return [inside.slice(1, slash), inside.slice(slash)];
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
