/**
 * Runs Deno with a reachable registry: `deno run -A tools/with_jsr.ts
 * <arguments of deno>`. Where JSR can be reached this changes nothing; on a
 * closed network the `jsr:` imports of imports.json come from a folder made of
 * npm packages instead. A JSR_URL that is already set is used unchanged.
 * @module
 */

import { prepareFolderRegistry } from "./folder_registry/prepare.ts";
import { isJsrReachable } from "./jsr_reachable.ts";
import { runAsThisProcess } from "./run_as_this_process.ts";

const env: Record<string, string> = {};
if (Deno.env.get("JSR_URL") === undefined && !await isJsrReachable()) {
  try {
    env.JSR_URL = `file://${await prepareFolderRegistry()}/`;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.error(
      `JSR is not reachable, and its packages cannot be made from npm: ${reason}\n` +
        "Connect to one of them, or set JSR_URL to a registry that has the packages of imports.json.",
    );
    Deno.exit(1);
  }
}
await runAsThisProcess(Deno.args, env);
