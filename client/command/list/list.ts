import { formatAddress } from "../../../address.ts";
import { formatDuration } from "../../../duration.ts";
import { printLines } from "../../../ffi/files/standard_streams.ts";
import { userId } from "../../../ffi/processes/process.ts";
import type { CallOptions } from "../../session/options.ts";
import type { Session } from "../../session/session.ts";
import { askDaemon } from "../ask_daemon.ts";
import type { Command } from "../command.ts";
import { readAddress } from "../options/address.ts";
import { readDuration } from "../options/duration.ts";
import { type ListedSocket, type Listing, listing } from "./listing.ts";
import { listNotes, listTable } from "./list_table.ts";
import { readOptions } from "../options/options.ts";
import { cutToWidth } from "./text_width.ts";
import { UsageError } from "../../../given_options.ts";
import { watch } from "./watch.ts";

const USAGE = `Usage: multibinder-client list [options] [ADDR]

Lists the sockets that the daemon holds, or only those of ADDR: address, kind, backlog, number of
connections in the accept queue, age, how often it was handed out, the processes
that hold it (PID, command, user), and the process that got it last.

  --json               print a JSON array of the daemon's answer, with the fields
                       holders ({pid, uid, user, command, descriptors}) and
                       unreadable (number of processes that could not be
                       inspected; not_visible has the PIDs of those that
                       probably hold it)
  --watch [SECONDS]    repeat every SECONDS until SIGINT or SIGTERM; default: 2;
                       with --json one line for each array
  --no-holders         do not search the processes that hold the sockets
  --sock PATH          control socket of the daemon; default: MULTIBINDER_SOCK
  -h, --help           print this text
  -V, --version        print the version

ADDRESS is written as release takes it; (38803) is the port that the kernel chose
for port 0. A narrow terminal does not show AGE and HANDED OUT, then LAST TO, then
BACKLOG. Lines that are still too long are cut.

Exit status: 0 done, 1 failed, 2 invalid command line.`;

const DEFAULT_INTERVAL = 2_000;
const SHORTEST_INTERVAL = 100;

const ROOT = 0;

/** Moves the cursor home and clears the screen (console_codes(4)). */
const CLEAR = "\x1b[H\x1b[2J";

interface ListOptions extends Listing {
  sock: string | undefined;
  json: boolean;
}

function table(
  sockets: readonly ListedSocket[],
  { address, holders }: Listing,
): { lines: string[]; notes: string[] } {
  if (sockets.length === 0) {
    const of = address === undefined ? "" : ` of ${formatAddress(address)}`;
    return { lines: [`The daemon holds no socket${of}.`], notes: [] };
  }
  const width = terminal()?.columns;
  return {
    lines: listTable(sockets, Date.now(), { holders, width }),
    notes: listNotes(sockets, { root: userId() === ROOT, width }),
  };
}

function terminal(): { columns: number; rows: number } | undefined {
  return Deno.stdout.isTerminal() ? Deno.consoleSize() : undefined;
}

async function list(
  { sock, json, ...which }: ListOptions,
): Promise<number> {
  const sockets = await askDaemon(
    "list",
    sock,
    (session) => listing(session, which),
  );
  if (json) printLines(JSON.stringify(sockets, undefined, 2));
  else {
    const { lines, notes } = table(sockets, which);
    printLines(...lines, ...notes);
  }
  return 0;
}

async function watchList(
  { sock, json, ...which }: ListOptions,
  interval: number,
): Promise<number> {
  let isFirst = true;
  const render = async (session: Session, options: CallOptions) => {
    const sockets = await listing(session, which, options);
    if (json) return `${JSON.stringify(sockets)}\n`;
    const { lines, notes } = table(sockets, which);
    const screen = terminal();
    if (screen !== undefined) {
      const title = titleOf(sockets.length, interval);
      return CLEAR + frame(title, lines, notes, screen).join("\n");
    }
    const block = [...lines, ...notes].map((line) => `${line}\n`).join("");
    const separator = isFirst ? "" : "\n";
    isFirst = false;
    return separator + block;
  };
  return await watch({ sock, interval, render });
}

function titleOf(count: number, interval: number): string {
  const sockets = count === 1 ? "1 socket" : `${count} sockets`;
  const now = new Date().toISOString();
  return `${sockets}, every ${formatDuration(interval)}, ${now}`;
}

/** The title, the lines that fit on the screen, and the notes. */
function frame(
  title: string,
  lines: readonly string[],
  notes: readonly string[],
  { columns, rows }: { columns: number; rows: number },
): string[] {
  // The line of the cursor stays free for messages on standard error.
  const room = Math.max(rows - 3 - notes.length, 1);
  const more = lines.length - room;
  const shown = more > 0
    ? [...lines.slice(0, room - 1), `... and ${more + 1} more lines`]
    : lines;
  return [cutToWidth(title, columns), "", ...shown, ...notes, ""];
}

function readInterval(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const interval = text === "" ? DEFAULT_INTERVAL : readDuration("watch", text);
  if (interval >= SHORTEST_INTERVAL) return interval;
  throw new UsageError(
    `invalid --watch ${text}: at least ${formatDuration(SHORTEST_INTERVAL)}`,
  );
}

/** The command `list`. */
export const listCommand: Command = {
  name: "list",
  usage: USAGE,
  parse: (args) => {
    const { operands, show, has, one } = readOptions(args, {
      optional: ["watch"],
      flags: ["json", "no-holders"],
    });
    if (show !== undefined) return { show };
    const [address, ...more] = operands;
    if (more.length > 0) {
      throw new UsageError(`list takes one address: ${operands.join(" ")}`);
    }
    const interval = readInterval(one("watch"));
    const options: ListOptions = {
      address: address === undefined ? undefined : readAddress(address),
      sock: one("sock"),
      json: has("json"),
      holders: !has("no-holders"),
    };
    return {
      run: () =>
        interval === undefined ? list(options) : watchList(options, interval),
    };
  },
};
