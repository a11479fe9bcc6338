import { printLines } from "../../ffi/files/standard_streams.ts";
import { askDaemon } from "./ask_daemon.ts";
import type { Command } from "./command.ts";
import { readOptions } from "./options/options.ts";
import { statusLines } from "./status_lines.ts";
import { UsageError } from "../../given_options.ts";

const USAGE = `Usage: multibinder-client status [--json] [--sock PATH]

Shows the status of the daemon: version, process, generation, uptime, binds,
clients and descriptors with their limits, memory, policy, and the refusals,
requests and errors of this generation.

  --json               print JSON
  --sock PATH          control socket of the daemon; default: MULTIBINDER_SOCK
  -h, --help           print this text
  -V, --version        print the version

Exit status: 0 done, 1 failed, 2 invalid command line.`;

async function status(
  sock: string | undefined,
  json: boolean,
): Promise<number> {
  const answer = await askDaemon("status", sock, (session) => session.status());
  if (json) printLines(JSON.stringify(answer, undefined, 2));
  else printLines(...statusLines(answer, Date.now()));
  return 0;
}

/** The command `status`. */
export const statusCommand: Command = {
  name: "status",
  usage: USAGE,
  parse: (args) => {
    const { operands, show, has, one } = readOptions(args, { flags: ["json"] });
    if (show !== undefined) return { show };
    if (operands.length > 0) {
      throw new UsageError(`status takes no arguments: ${operands.join(" ")}`);
    }
    const sock = one("sock");
    const json = has("json");
    return { run: () => status(sock, json) };
  },
};
