/**
 * One version of one package in a folder that Deno reads as a JSR registry
 * (`JSR_URL=file:///.../`): the files, the version's manifest with sizes and
 * checksums, and the package's list of versions.
 * @module
 */

import { createHash } from "node:crypto";

/** A package version. */
export interface PackageVersion {
  /** Without the at sign: "std". */
  scope: string;
  name: string;
  version: string;
  /** Export name to path: `{".": "./mod.ts"}`. */
  exports: Record<string, string>;
  /** Path below the package's root, with a leading slash, to content. */
  files: Map<string, Uint8Array<ArrayBuffer>>;
}

/** "/posix/base_name.js" is the export "./posix/base-name", "/posix/mod.js" is "./posix". */
export function exportName(path: string): string {
  return "." +
    path.replace(/\.[jt]s$/, "").replace(/\/mod$/, "").replaceAll("_", "-");
}

/** Writes `entry` below `registry`; its directory holds this one version then. */
export async function writePackage(
  registry: string,
  entry: PackageVersion,
): Promise<void> {
  const root = `${registry}/@${entry.scope}/${entry.name}`;
  const manifest: Record<string, { size: number; checksum: string }> = {};
  for (const [path, content] of entry.files) {
    const target = `${root}/${entry.version}${path}`;
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), {
      recursive: true,
    });
    await Deno.writeFile(target, content);
    const digest = createHash("sha256").update(content).digest("hex");
    manifest[path] = { size: content.length, checksum: `sha256-${digest}` };
  }
  await writeJson(`${root}/${entry.version}_meta.json`, {
    manifest,
    exports: entry.exports,
  });
  await writeJson(`${root}/meta.json`, {
    scope: entry.scope,
    name: entry.name,
    latest: entry.version,
    versions: { [entry.version]: {} },
  });
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await Deno.writeTextFile(path, JSON.stringify(value, null, 2) + "\n");
}
