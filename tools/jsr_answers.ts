/**
 * Whether the packages that imports.json names can be had from JSR.
 * @module
 */

import { denoOutput } from "./folder_registry/deno_command.ts";

/** Enough to download them once; a network that drops what is sent costs as much each time. */
const PATIENCE_MS = 8_000;

/**
 * Asks for them as Deno itself would, so the cache, a proxy or another registry
 * count as they do later. A refused connection is known within 0.1 s.
 */
export async function jsrAnswers(): Promise<boolean> {
  const project = `${import.meta.dirname}/..`;
  const { imports }: { imports: Record<string, string> } = JSON.parse(
    await Deno.readTextFile(`${project}/imports.json`),
  );
  const packages = Object.values(imports).filter((specifier) =>
    specifier.startsWith("jsr:@")
  );
  try {
    await denoOutput(
      ["cache", "--quiet", "--no-config", "--no-lock", ...packages],
      { cwd: project, signal: AbortSignal.timeout(PATIENCE_MS) },
    );
    return true;
  } catch {
    return false;
  }
}
