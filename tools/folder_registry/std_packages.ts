/**
 * Which @std packages the folder registry serves, and which of their modules are
 * exports, under the names they have on JSR.
 * @module
 */

import type { PackageVersion } from "./package_folder.ts";

/** A package, as it is found in the folder of its name. */
export interface StdPackage {
  name: string;
  /** The file in `types/` that describes what `whole` gives. */
  types: string;
  /** The modules that give all of it, each of which is an export. */
  whole: string[];
  /** The folders whose other modules, each of which gives a part of it, are exports too. */
  parts: string[];
}

/** The packages that imports.json names, but for @std/log. */
export const PACKAGES: StdPackage[] = [
  { name: "assert", types: "assert.d.ts", whole: ["mod.js"], parts: [""] },
  { name: "cli", types: "cli.d.ts", whole: ["parse_args.js"], parts: [] },
  {
    name: "path",
    types: "path.d.ts",
    whole: ["mod.js", "posix/mod.js"],
    parts: ["", "posix/"],
  },
];

/**
 * The one package that those import and imports.json does not name. No more is
 * served of it than they import, and its version is but a label.
 */
export const INTERNAL = { name: "internal", version: "1.0.12" };

/** "/posix/to_file_url.js" is "./posix/to-file-url", "/posix/mod.js" is "./posix". */
export function exportName(path: string): string {
  return "." +
    path.replace(/\.js$/, "").replace(/\/mod$/, "").replaceAll("_", "-");
}

/** Makes the modules of `described` exports, each with the types of what it gives. */
export async function describeExports(
  entry: PackageVersion,
  { types, whole, parts }: StdPackage,
): Promise<void> {
  const encoder = new TextEncoder();
  for (const [path, content] of [...entry.files]) {
    const slash = path.lastIndexOf("/");
    const folder = path.slice(1, slash + 1);
    const file = path.slice(slash + 1);
    const wholeTypes = (folder === "" ? "./" : "../") + types;
    const text = new TextDecoder().decode(content);

    let selfTypes: string;
    if (whole.includes(folder + file)) {
      selfTypes = wholeTypes;
    } else {
      const names = exportedNames(text);
      if (!parts.includes(folder) || file.startsWith("_") || names === "") {
        continue;
      }
      selfTypes = `./${file.replace(/js$/, "d.ts")}`;
      entry.files.set(
        `/${folder}${selfTypes.slice(2)}`,
        encoder.encode(`export { ${names} } from "${wholeTypes}";\n`),
      );
    }
    entry.exports[exportName(path)] = `.${path}`;
    const marked = `// @ts-self-types="${selfTypes}"\n${text}`;
    entry.files.set(path, encoder.encode(marked));
  }
  const source = new URL(`types/${types}`, import.meta.url);
  entry.files.set(`/${types}`, await Deno.readFile(source));
}

function exportedNames(module: string): string {
  const declarations = module.matchAll(
    /^export (?:async )?(?:function|class|const) (\w+)/gm,
  );
  return [...declarations].map(([, name]) => name).join(", ");
}
