/**
 * Checks whether `deno compile` has its runtime `denort`, which a Deno from npm
 * does not contain.
 * @module
 */

import { denoOutput } from "../folder_registry/deno_command.ts";

/**
 * In ms, for a download of about 40 MB; a network that drops packets costs this
 * time.
 */
const PATIENCE_MS = 60_000;

const problems = new Map<string, Promise<string | undefined>>();

/**
 * Why the runtime for the target is missing; `undefined` when it exists: the
 * file that DENORT_BIN names, one in Deno's cache, or one that Deno downloads
 * into it. The result is cached.
 */
export function runtimeProblem(target: string): Promise<string | undefined> {
  if (Deno.env.has("DENORT_BIN")) return Promise.resolve(undefined);
  const problem = problems.get(target) ?? findRuntimeProblem(target);
  problems.set(target, problem);
  return problem;
}

async function findRuntimeProblem(target: string): Promise<string | undefined> {
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
