/**
 * `@std/log` for the folder registry: npm does not have it, so the files of
 * `std_log/` replace it. Each file is an export, except names that begin with
 * `_`.
 * @module
 */

import { filesBelow } from "../files_below.ts";
import { exportName, type PackageVersion } from "./package_folder.ts";

const SOURCE = `${import.meta.dirname}/std_log`;

/** The replacement, at `version`. */
export async function stdLog(version: string): Promise<PackageVersion> {
  const exports: PackageVersion["exports"] = {};
  const files: PackageVersion["files"] = new Map();
  for (const path of await filesBelow(SOURCE)) {
    if (!path.startsWith("/_")) exports[exportName(path)] = `.${path}`;
    files.set(path, await Deno.readFile(SOURCE + path));
  }
  return { scope: "std", name: "log", version, exports, files };
}
