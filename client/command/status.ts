import { connect } from "../session/session.ts";
import type { Command } from "./command.ts";
import { readOptions } from "./options/options.ts";
import { sayToReader } from "./output.ts";
import { statusLines } from "./status_lines.ts";
import { UsageError } from "./options/usage_error.ts";

const USAGE = `Usage: multibinder-client status [--json] [--sock PATH]

Shows how the daemon is: version, process, generation and uptime, what it holds
of what it may, memory, policy, who was turned away and why, and how many
requests were made and failed since this generation began.

  --json               as JSON
  --sock PATH          the control socket; default: the variable MULTIBINDER_SOCK
  -h, --help           this text
  -V, --version        the version

Exit status: 0 done, 1 failed, 2 wrong usage.`;

async function status(
  sock: string | undefined,
  json: boolean,
): Promise<number> {
  using session = await connect(sock === undefined ? {} : { sock });
  const answer = await session.status();
  if (json) sayToReader(JSON.stringify(answer, undefined, 2));
  else sayToReader(...statusLines(answer, Date.now()));
  return 0;
}

/** The command `status`. */
export const statusCommand: Command = {
  name: "status",
  usage: USAGE,
  read: (args) => {
    const { words, asks, has, one } = readOptions(args, { flags: ["json"] });
    if (asks !== undefined) return { show: asks };
    if (words.length > 0) {
      throw new UsageError(`status takes no arguments: ${words.join(" ")}`);
    }
    const sock = one("sock");
    const json = has("json");
    return { run: () => status(sock, json) };
  },
};
