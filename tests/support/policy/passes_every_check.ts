/**
 * The daemon as a version that passes the check before a re-exec without a look
 * at the policy: the file may become invalid between the check and the exec.
 *
 * @module
 */
import { environmentVariable } from "../../../ffi/processes/process.ts";
import { main } from "../../../server/command_line.ts";

if (environmentVariable("MULTIBINDER_CHECK") === "1") {
  console.log("multibinder check passed");
} else Deno.exit(await main(Deno.args));
