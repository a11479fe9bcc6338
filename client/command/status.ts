import type { Status } from "../../protocol.ts";
import { columns } from "./columns.ts";
import type { Command } from "./command.ts";
import { queryCommand } from "./query.ts";

const USAGE = `Usage: multibinder-client status [--json] [--sock PATH]

Shows how the daemon is: version, process, generation, what it holds.

  --json               as JSON
  --sock PATH          the control socket; default: the variable MULTIBINDER_SOCK
  -h, --help           this text
  -V, --version        the version

Exit status: 0 done, 1 failed, 2 wrong usage.`;

function text(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  return Object.entries(value).map(([name, each]) => `${each} ${name}`)
    .join(", ");
}

function lines(answer: Status): string[] {
  const rows = Object.entries(answer).map(([name, value]) => [
    name.replaceAll("_", " "),
    text(value),
  ]);
  const [first = [], ...rest] = rows;
  return columns(first, rest, true);
}

/** The command `status`. */
export const statusCommand: Command = queryCommand({
  name: "status",
  usage: USAGE,
  ask: (session) => session.status(),
  lines,
});
