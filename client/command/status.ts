import { connect } from "../session.ts";
import { columns } from "./columns.ts";
import type { Command } from "./command.ts";
import { readOptions } from "./options.ts";
import { say } from "./output.ts";
import { UsageError } from "./usage_error.ts";

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

async function status(
  sock: string | undefined,
  json: boolean,
): Promise<number> {
  using session = await connect(sock === undefined ? {} : { sock });
  const answer = await session.status();
  if (json) {
    say(JSON.stringify(answer, undefined, 2));
    return 0;
  }
  const rows = Object.entries(answer).map(([name, value]) => [
    name.replaceAll("_", " "),
    text(value),
  ]);
  const [first = [], ...rest] = rows;
  say(...columns(first, rest, true));
  return 0;
}

/** The command `status`. */
export const statusCommand: Command = {
  name: "status",
  usage: USAGE,
  read: (args) => {
    const { words, asks, has, one } = readOptions(args, { flags: ["json"] });
    if (asks !== undefined) return { show: asks };
    if (words.length > 0) throw new UsageError(`what is ${words[0]}?`);
    const sock = one("sock");
    const json = has("json");
    return { run: () => status(sock, json) };
  },
};
