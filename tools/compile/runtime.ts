/**
 * Whether `deno compile` has the runtime that it puts a program into: `denort`,
 * which is no part of a Deno that came from npm.
 * @module
 */

import { denoOutput } from "../folder_registry/deno_command.ts";

/** For a download of some 40 MB; a network that drops what is sent costs as much. */
const PATIENCE_MS = 60_000;

const lacks = new Map<string, Promise<string | undefined>>();

/**
 * Why there is none for the target; `undefined` when there is: the file that
 * DENORT_BIN names, one in Deno's cache, or one that Deno downloads into it.
 * Looked for once.
 */
export function lackOfRuntime(target: string): Promise<string | undefined> {
  if (Deno.env.has("DENORT_BIN")) return Promise.resolve(undefined);
  const lack = lacks.get(target) ?? lookForRuntime(target);
  lacks.set(target, lack);
  return lack;
}

async function lookForRuntime(target: string): Promise<string | undefined> {
  const scratch = await Deno.makeTempDir({ prefix: "multibinder-runtime-" });
  try {
    await Deno.writeTextFile(`${scratch}/nothing.js`, "");
    await denoOutput(
      ["compile", "--no-config", `--target=${target}`, "nothing.js"],
      { cwd: scratch, signal: AbortSignal.timeout(PATIENCE_MS) },
    );
    return undefined;
  } catch (error) {
    return rootCause(error instanceof Error ? error.message : String(error));
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

/** Deno numbers the causes, the innermost last, and then stack frames it cannot name. */
function rootCause(message: string): string {
  const causes = Array.from(
    message.matchAll(/^ *\d+: (?!<unknown>)(.+)$/gm),
    ([, cause]) => cause!,
  );
  return causes.at(-1) ?? message;
}
