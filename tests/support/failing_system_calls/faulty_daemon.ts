/**
 * The daemon's command line with a C library that fails according to a plan:
 * `faulty_daemon.ts <plan> <report> <arguments of the daemon>`. Every
 * generation starts here, because a re-exec repeats the whole command line.
 *
 * @module
 */
import { main } from "../../../server/command_line.ts";
import { makeLibcFaulty } from "./faulty_libc.ts";

const [plan = "", report = "", ...args] = Deno.args;
makeLibcFaulty(plan, report);
Deno.exit(await main(args));
