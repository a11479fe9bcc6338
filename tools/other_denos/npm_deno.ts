/**
 * Fetches a Deno from npm into `.denos/` of this tree. Each has its own cache,
 * because two versions in one DENO_DIR delete each other's files. The folder
 * can be deleted at any time.
 * @module
 */

import { exists } from "../exists.ts";
import { moveInto } from "../move_into.ts";
import { fetchNpmPackage } from "../folder_registry/npm_source.ts";

/** The npm package that holds the binary of a target. */
export const NPM_PACKAGES = {
  x86_64: "@deno/linux-x64-glibc",
  aarch64: "@deno/linux-arm64-glibc",
} as const;

/** A Deno other than the one that runs this process. */
export interface NpmDeno {
  readonly version: string;
  readonly path: string;
  /** Its DENO_DIR. */
  readonly cache: string;
}

/** Fetches it, once. Several processes may do so at a time. */
export async function npmDeno(
  tree: string,
  arch: keyof typeof NPM_PACKAGES,
  version: string,
): Promise<NpmDeno> {
  const all = `${tree}/.denos`;
  const folder = `${all}/${version}-${arch}`;
  const deno = { version, path: `${folder}/deno`, cache: `${folder}-cache` };
  if (await exists(folder)) return deno;
  await Deno.mkdir(all, { recursive: true });
  const scratch = await Deno.makeTempDir({ dir: all, prefix: "fetching-" });
  try {
    const source = await fetchNpmPackage(scratch, NPM_PACKAGES[arch], version);
    await moveInto(source, folder);
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
  return deno;
}
