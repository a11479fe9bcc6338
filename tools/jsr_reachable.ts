/**
 * Checks that JSR has the packages of imports.json.
 * @module
 */

import { denoOutput } from "./folder_registry/deno_command.ts";

/**
 * In ms: enough for one download. A network that drops packets costs this time
 * at every call.
 */
const PATIENCE_MS = 8_000;

/**
 * Requests the packages with Deno, so its cache, proxy and registry settings
 * apply. A refused connection fails within 0.1 s.
 */
export async function isJsrReachable(): Promise<boolean> {
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
