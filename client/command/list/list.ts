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

Lists the sockets that the daemon holds: address, kind, backlog, how many
connections wait to be accepted now, how many times it was handed out and to
whom last, how long ago it was bound, and which processes hold it (pid, command,
user). Who may not look at the processes of others is told of how many.

  --json               for programs: an array of what the daemon answers, each
                       with holders ({pid, uid, user, command, descriptors})
                       and unreadable, the number of processes not looked at
  --watch [SECONDS]    again and again, every two seconds or as said, until
                       SIGINT or SIGTERM; with --json an array a line
  --no-holders         do not look which processes hold them
  --sock PATH          the control socket; default: the variable MULTIBINDER_SOCK
  -h, --help           this text
  -V, --version        the version

An ADDRESS is as release takes it; (38803) is the port that stands for port 0.
Where a terminal is narrow AGE and HANDED OUT are left out, then LAST TO, then
BACKLOG, and what is still too long is cut; elsewhere nothing is.

Exit status: 0 done, 1 failed, 2 wrong usage.`;

const DEFAULT_INTERVAL = 2_000;
const SHORTEST_INTERVAL = 100;

const ROOT = 0;

/** From the home position on everything is drawn anew. */
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

/** What fits on the screen: the lines may be cut, the title and notes not. */
function frame(
  title: string,
  lines: readonly string[],
  notes: readonly string[],
  { columns, rows }: { columns: number; rows: number },
): string[] {
  // The cursor's line stays free for what standard error has to say.
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
