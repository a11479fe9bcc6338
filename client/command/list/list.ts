import { formatDuration } from "../../../duration.ts";
import { userId } from "../../../ffi/processes/process.ts";
import type { CallOptions } from "../../session/options.ts";
import { connect, type Session } from "../../session/session.ts";
import type { Command } from "../command.ts";
import { readDuration } from "../options/duration.ts";
import { type ListedSocket, listing } from "./listing.ts";
import { listNotes, listTable } from "./list_table.ts";
import { readOptions } from "../options/options.ts";
import { sayToReader } from "../output.ts";
import { cutToWidth } from "./text_width.ts";
import { UsageError } from "../options/usage_error.ts";
import { watch } from "./watch.ts";

const USAGE = `Usage: multibinder-client list [options]

Lists the sockets that the daemon holds: address, kind, backlog, connections in
the accept queue, time since the bind, how often and to which process the daemon
passed it, and the processes that hold it (pid, command, user). Only root sees
the processes of other users; list says how many it could not read.

  --json               print a JSON array: the daemon's answer, with holders
                       ({pid, uid, user, command, descriptors}) and unreadable,
                       the number of processes that could not be read
  --watch [SECONDS]    repeat every SECONDS, default 2, until SIGINT or SIGTERM;
                       with --json, print one array per line
  --no-holders         do not search the processes that hold the sockets
  --sock PATH          control socket of the daemon; default: MULTIBINDER_SOCK
  -h, --help           print this text
  -V, --version        print the version

release takes an ADDRESS as list prints it; (38803) is the port that the kernel
chose for port 0. On a narrow terminal, list omits AGE and HANDED OUT, then LAST
TO, then BACKLOG, and cuts lines that are still too long.

Exit status: 0 done, 1 failed, 2 invalid command line.`;

const DEFAULT_INTERVAL = 2_000;
const SHORTEST_INTERVAL = 100;

const ROOT = 0;

/** Moves the cursor home and clears the screen. */
const CLEAR = "\x1b[H\x1b[2J";

interface ListOptions {
  sock: string | undefined;
  json: boolean;
  holders: boolean;
}

function table(
  sockets: readonly ListedSocket[],
  holders: boolean,
): { lines: string[]; notes: string[] } {
  const width = terminal()?.columns;
  return {
    lines: listTable(sockets, Date.now(), { holders, width }),
    notes: listNotes(sockets, { root: userId() === ROOT, width }),
  };
}

function terminal(): { columns: number; rows: number } | undefined {
  return Deno.stdout.isTerminal() ? Deno.consoleSize() : undefined;
}

async function list({ sock, json, holders }: ListOptions): Promise<number> {
  using session = await connect(sock === undefined ? {} : { sock });
  const sockets = await listing(session, holders);
  if (json) sayToReader(JSON.stringify(sockets, undefined, 2));
  else {
    const { lines, notes } = table(sockets, holders);
    sayToReader(...lines, ...notes);
  }
  return 0;
}

async function follow(
  { sock, json, holders }: ListOptions,
  interval: number,
): Promise<number> {
  let turn = 0;
  const look = async (session: Session, options: CallOptions) => {
    const sockets = await listing(session, holders, options);
    if (json) return `${JSON.stringify(sockets)}\n`;
    const { lines, notes } = table(sockets, holders);
    const screen = terminal();
    if (screen !== undefined) {
      const title = titleOf(sockets.length, interval);
      return CLEAR + frame(title, lines, notes, screen).join("\n");
    }
    const block = [...lines, ...notes].map((line) => `${line}\n`).join("");
    return turn++ === 0 ? block : `\n${block}`;
  };
  return await watch({ sock, interval, look });
}

function titleOf(count: number, interval: number): string {
  const sockets = count === 1 ? "1 socket" : `${count} sockets`;
  const now = new Date().toISOString();
  return `${sockets}, every ${formatDuration(interval)}, ${now}`;
}

/** Omits lines that do not fit on the screen; keeps the title and the notes. */
function frame(
  title: string,
  lines: readonly string[],
  notes: readonly string[],
  { columns, rows }: { columns: number; rows: number },
): string[] {
  // The last line stays free for messages on standard error.
  const room = Math.max(rows - 3 - notes.length, 1);
  const more = lines.length - room;
  const shown = more > 0
    ? [...lines.slice(0, room - 1), `... and ${more + 1} lines more`]
    : lines;
  return [cutToWidth(title, columns), "", ...shown, ...notes, ""];
}

function readInterval(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const interval = text === "" ? DEFAULT_INTERVAL : readDuration("watch", text);
  if (interval >= SHORTEST_INTERVAL) return interval;
  throw new UsageError(
    `--watch ${text} is less than ${formatDuration(SHORTEST_INTERVAL)}`,
  );
}

/** The command `list`. */
export const listCommand: Command = {
  name: "list",
  usage: USAGE,
  read: (args) => {
    const { words, asks, has, one } = readOptions(args, {
      optional: ["watch"],
      flags: ["json", "no-holders"],
    });
    if (asks !== undefined) return { show: asks };
    if (words.length > 0) {
      throw new UsageError(`list takes no arguments: ${words.join(" ")}`);
    }
    const interval = readInterval(one("watch"));
    const options: ListOptions = {
      sock: one("sock"),
      json: has("json"),
      holders: !has("no-holders"),
    };
    return {
      run: () =>
        interval === undefined ? list(options) : follow(options, interval),
    };
  },
};
