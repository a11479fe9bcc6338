/**
 * The other versions of Deno, which `deno task test:versions` prepares.
 *
 * @module
 */
import { UNSUPPORTED, VERSIONS } from "../../../tools/versions/selection.ts";

const paths: Readonly<Record<string, string>> = JSON.parse(
  Deno.env.get("MULTIBINDER_DENOS") ?? "{}",
);

/** The path of a version. */
export function denoOf(version: string): string {
  const path = paths[version];
  if (path !== undefined) return path;
  throw new Error(
    `no Deno ${version} in MULTIBINDER_DENOS: run deno task test:versions`,
  );
}

/** The supported versions except the one that runs this test. */
export const OTHERS: readonly string[] = VERSIONS.filter((version) =>
  version !== Deno.version.deno
);

/** A version that is too old. */
export const TOO_OLD: string = UNSUPPORTED;

/** The error message of a program on that version. */
export const REFUSAL = `multibinder needs Deno ${
  VERSIONS[0]
} or newer; this is Deno ${UNSUPPORTED}`;
