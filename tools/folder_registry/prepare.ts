/**
 * The folder registry of closed networks: the @std packages of imports.json,
 * built into `.jsr/` and reused until their sources change. `.jsr/` can be
 * deleted at any time.
 *
 * This registry is why deno.json says `"lock": false`: its code comes from npm,
 * so the checksums differ from those of JSR, and a lock file from one kind of
 * network would be refused on the other.
 * @module
 */

import { createHash } from "node:crypto";
import { exists } from "../exists.ts";
import { filesBelow } from "../files_below.ts";
import { moveInto } from "../move_into.ts";
import { writePackage } from "./package_folder.ts";
import { stdFromNpm } from "./std_from_npm.ts";
import { stdLog } from "./std_log.ts";

const here = import.meta.dirname ?? ".";
const project = `${here}/../..`;

/**
 * Returns the registry's directory below `all`, and prepares it if necessary.
 * Processes may do this at the same time: each builds in a temporary folder and
 * renames it.
 */
export async function prepareFolderRegistry(
  all = `${Deno.realPathSync(project)}/.jsr`,
): Promise<string> {
  const ready = `${all}/${await fingerprintOfInputs()}`;
  if (await exists(ready)) return ready;

  await Deno.mkdir(all, { recursive: true });
  const scratch = await Deno.makeTempDir({ dir: all, prefix: "building-" });
  try {
    const registry = `${scratch}/registry`;
    const { log, ...others } = await stdVersions();
    const packages = await stdFromNpm(scratch, others);
    if (log !== undefined) packages.push(await stdLog(log));
    for (const entry of packages) await writePackage(registry, entry);
    await moveInto(registry, ready);
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
  return ready;
}

/** The lowest version that each @std range of imports.json admits. */
async function stdVersions(): Promise<Record<string, string>> {
  const { imports }: { imports: Record<string, string> } = JSON.parse(
    await Deno.readTextFile(`${project}/imports.json`),
  );
  const versions: Record<string, string> = {};
  for (const specifier of Object.values(imports)) {
    const range = /^jsr:\/?@std\/([\w-]+)@\^(\d+\.\d+\.\d+)/.exec(specifier);
    if (range?.[1] === undefined || range[2] === undefined) {
      throw new Error(
        `imports.json: cannot serve ${specifier} without JSR; only jsr:@std/NAME@^VERSION is known to ${import.meta.filename}`,
      );
    }
    versions[range[1]] = range[2];
  }
  return versions;
}

async function fingerprintOfInputs(): Promise<string> {
  const hash = createHash("sha256");
  const inputs = (await filesBelow(here)).map((path) => here + path);
  for (const path of [`${project}/imports.json`, ...inputs]) {
    hash.update(path.slice(project.length)).update("\0");
    hash.update(await Deno.readFile(path)).update("\0");
  }
  return hash.digest("hex").slice(0, 16);
}
