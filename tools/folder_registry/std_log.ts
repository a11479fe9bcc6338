/**
 * `@std/log` for the folder registry: npm has no copy of it, so the stand-in of
 * `std_log/` is served in its name.
 * @module
 */

import type { PackageVersion } from "./package_folder.ts";

/** The stand-in, at the version that imports.json names. */
export async function stdLog(
  versions: ReadonlyMap<string, string>,
): Promise<PackageVersion> {
  const version = versions.get("log");
  if (version === undefined) {
    throw new Error(
      "imports.json names no @std/log: remove the stand-in in tools/folder_registry/ too",
    );
  }
  const exports = {
    ".": "./mod.ts",
    "./base-handler": "./base_handler.ts",
    "./levels": "./levels.ts",
    "./logger": "./logger.ts",
  };
  const files: PackageVersion["files"] = new Map();
  for (const path of Object.values(exports)) {
    const source = new URL(`std_log/${path.slice(2)}`, import.meta.url);
    files.set(path.slice(1), await Deno.readFile(source));
  }
  return { scope: "std", name: "log", version, exports, files };
}
