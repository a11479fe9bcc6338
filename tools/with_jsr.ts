/**
 * Runs Deno with a registry that answers: `deno run -A tools/with_jsr.ts
 * <arguments of deno>`. Where JSR can be reached this changes nothing; on a
 * closed network the `jsr:` imports of imports.json come from a folder made of
 * npm packages instead. A JSR_URL that is set already stays in charge.
 * @module
 */

import { prepareFolderRegistry } from "./folder_registry/prepare.ts";
import { jsrAnswers } from "./jsr_answers.ts";
import { runAsThisProcess } from "./run_as_this_process.ts";

const env: Record<string, string> = {};
if (Deno.env.get("JSR_URL") === undefined && !await jsrAnswers()) {
  try {
    env.JSR_URL = `file://${await prepareFolderRegistry()}/`;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.error(
      `JSR does not answer, and a registry to stand in for it could not be made from npm: ${reason}\n` +
        "Reach one of the two, or set JSR_URL to a registry that has the packages of imports.json.",
    );
    Deno.exit(1);
  }
}
await runAsThisProcess(Deno.args, env);
