/**
 * Deno for aarch64, out of npm, in `.aarch64/` of this tree. That folder holds
 * the cache of that Deno, too, and can be deleted at any time.
 * @module
 */

import { exists } from "../exists.ts";
import { fetchNpmPackage } from "../folder_registry/npm_source.ts";

const PACKAGE = "@deno/linux-arm64-glibc";
/** The newest of that package. */
const VERSION = "2.9.5";

/** A Deno that this machine's processor cannot run by itself. */
export interface ForeignDeno {
  readonly version: string;
  readonly path: string;
  /** Its own: two versions in one DENO_DIR throw away what the other wrote. */
  readonly cache: string;
}

/** Fetches it, once. */
export async function foreignDeno(tree: string): Promise<ForeignDeno> {
  const all = `${tree}/.aarch64`;
  const folder = `${all}/${VERSION}`;
  const deno = {
    version: VERSION,
    path: `${folder}/deno`,
    cache: `${all}/cache`,
  };
  if (await exists(folder)) return deno;
  await Deno.mkdir(all, { recursive: true });
  const scratch = await Deno.makeTempDir({ dir: all, prefix: "fetching-" });
  try {
    const source = await fetchNpmPackage(scratch, PACKAGE, VERSION);
    await Deno.rename(source, folder);
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
  return deno;
}
