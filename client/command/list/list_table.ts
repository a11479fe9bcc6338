import type { Holder } from "../../session/holders.ts";
import { type Column, columns } from "./columns.ts";
import { formatAge } from "../options/duration.ts";
import type { ListedSocket } from "./listing.ts";
import { shownAddress } from "../shown_address.ts";
import { cutToWidth, textWidth } from "./text_width.ts";

interface TableColumn extends Column {
  /** On a narrow terminal the highest are left out first. Default: stays. */
  dispensable?: number;
  /** What it says of a socket. */
  cell: (socket: ListedSocket, now: number) => string;
}

const HOLDERS: TableColumn = { heading: "HOLDERS", cell: holdersCell };

// What is cut at the end of a line is what tells least.
const COLUMNS: readonly TableColumn[] = [
  { heading: "ADDRESS", cell: shownAddress },
  { heading: "KIND", cell: ({ kind }) => kind ?? NONE },
  {
    heading: "BACKLOG",
    right: true,
    dispensable: 1,
    // An older daemon knows fewer fields.
    cell: ({ options }) => String(options?.backlog ?? NONE),
  },
  {
    heading: "WAITING",
    right: true,
    cell: ({ waiting }) => String(waiting ?? NONE),
  },
  {
    heading: "AGE",
    right: true,
    dispensable: 3,
    cell: ({ bound_at }, now) => age(bound_at, now),
  },
  {
    heading: "HANDED OUT",
    right: true,
    dispensable: 3,
    cell: ({ handed_out }) => String(handed_out ?? NONE),
  },
  HOLDERS,
  { heading: "LAST TO", dispensable: 2, cell: lastCell },
];

/** From which on they are left out: first none, at last all that can be. */
const LEFT_OUT_FROM = [4, 3, 2, 1];

/** What is not known, or does not apply. */
const NONE = "-";

/** More processes of one command are counted, not named. */
const MOST_NAMED = 3;

/** How much of a command line tells one program from another. */
const COMMAND_WIDTH = 32;

/**
 * The sockets of a list as a table for people, with the holders where they
 * were looked for. No line is longer than `width`: columns are left out where
 * there is no room for them, and what is too long even so is cut.
 */
export function listTable(
  sockets: readonly ListedSocket[],
  now: number,
  options: { holders: boolean; width?: number | undefined },
): string[] {
  if (sockets.length === 0) return ["The daemon holds no socket."];
  const { holders, width = Infinity } = options;
  let lines: string[] = [];
  for (const level of LEFT_OUT_FROM) {
    const shown = COLUMNS.filter((column) =>
      (column.dispensable ?? 0) < level && (holders || column !== HOLDERS)
    );
    const rows = sockets.map((socket) =>
      shown.map(({ cell }) => cell(socket, now))
    );
    lines = columns(shown, rows);
    if (lines.every((line) => textWidth(line) <= width)) return lines;
  }
  return lines.map((line) => cutToWidth(line, width));
}

/** What to know of the holders beside the table; nothing, as a rule. */
export function listNotes(
  sockets: readonly ListedSocket[],
  options: { root: boolean; width?: number | undefined },
): string[] {
  // The same number for all of them, but for those nobody was looked for.
  const unreadable = sockets.find((each) => each.unreadable)?.unreadable ?? 0;
  if (unreadable === 0) return [];
  const who = unreadable === 1 ? "1 process" : `${unreadable} processes`;
  const advice = options.root ? "" : "; root may look at more";
  const note = `${who} could not be looked at and may hold them too${advice}.`;
  return [cutToWidth(note, options.width ?? Infinity)];
}

function age(time: string, now: number): string {
  const since = new Date(time).getTime();
  return Number.isNaN(since) ? NONE : formatAge(now - since);
}

function lastCell({ last_peer }: ListedSocket, now: number): string {
  if (last_peer === undefined) return NONE;
  const { pid, uid, at } = last_peer;
  return `pid ${pid} uid ${uid} ${age(at, now)} ago`;
}

function holdersCell({ holders, unreadable }: ListedSocket): string {
  if (holders === undefined) return NONE;
  if (holders.length === 0) return unreadable ? "daemon only?" : "daemon only";
  const groups = Map.groupBy(
    holders,
    ({ command, user }) => `${shortened(command)} (${user})`,
  );
  return Array.from(groups, ([who, each]) => `${pids(each)} ${who}`)
    .join(", ");
}

function pids(holders: readonly Holder[]): string {
  const named = holders.slice(0, MOST_NAMED).map(({ pid }) => pid).join("+");
  const more = holders.length - MOST_NAMED;
  return more > 0 ? `${named}+${more} more` : named;
}

/** The program without its directory and options, and some of its arguments. */
function shortened(command: string): string {
  const [program = "", ...words] = command.replace(/^\/\S*\//, "").split(" ");
  const telling = words.filter((word) => !word.startsWith("-"));
  return cutToWidth([program, ...telling].join(" "), COMMAND_WIDTH);
}
