/**
 * The daemon's command line over a C library that fails as a plan says:
 * `faulty_daemon.ts <plan> <report> <arguments of the daemon>`. Every
 * generation begins here, because a re-exec repeats the whole command line.
 *
 * @module
 */
import { main } from "../../../server/command_line.ts";
import { makeLibcFaulty } from "./faulty_libc.ts";

const [plan = "", report = "", ...args] = Deno.args;
makeLibcFaulty(plan, report);
Deno.exit(await main(args));
