import type { BindDescription } from "../../protocol.ts";
import { columns } from "./columns.ts";
import type { Command } from "./command.ts";
import { queryCommand } from "./query.ts";

const USAGE = `Usage: multibinder-client list [--json] [--sock PATH]

Lists the sockets that the daemon holds: address, backlog, since when, how many
times it was handed out, and to whom last. Columns on a terminal; otherwise a
line each, with tabs and no heading.

  --json               as JSON
  --sock PATH          the control socket; default: the variable MULTIBINDER_SOCK
  -h, --help           this text
  -V, --version        the version

Exit status: 0 done, 1 failed, 2 wrong usage.`;

const HEADING = ["ADDRESS", "BACKLOG", "BOUND", "HANDED OUT", "LAST TO"];

function row(bind: BindDescription): string[] {
  const { address, options, bound_at, handed_out, last_peer } = bind;
  const last = last_peer === undefined
    ? "-"
    : `pid ${last_peer.pid} uid ${last_peer.uid}`;
  return [
    address,
    String(options.backlog),
    bound_at,
    String(handed_out),
    last,
  ];
}

/** The command `list`. */
export const listCommand: Command = queryCommand({
  name: "list",
  usage: USAGE,
  ask: (session) => session.list(),
  lines: (binds) => columns(HEADING, binds.map(row), Deno.stdout.isTerminal()),
});
