import type { Holder } from "../../session/holders.ts";
import { type Column, columns } from "./columns.ts";
import { formatAge } from "../options/duration.ts";
import type { ListedSocket } from "./listing.ts";
import { shownAddress } from "../shown_address.ts";
import { cutToWidth, textWidth } from "./text_width.ts";

interface TableColumn extends Column {
  /** A narrow terminal omits the highest first. Default: never omitted. */
  dispensable?: number;
  /** The text for a socket. */
  cell: (socket: ListedSocket, now: number) => string;
}

const HOLDERS: TableColumn = { heading: "HOLDERS", cell: holdersCell };

// The least important columns come last: long lines are cut at the end.
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

/** Omit columns from this level on, step by step. */
const LEFT_OUT_FROM = [4, 3, 2, 1];

/** Unknown or not applicable. */
const NONE = "-";

/** Further processes of one command are only counted. */
const MOST_NAMED = 3;

/** Columns for a command line. */
const COMMAND_WIDTH = 32;

/**
 * Formats a list of sockets as a table. No line is longer than `width`: columns
 * that do not fit are omitted, then long lines are cut.
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

/** A note on processes that could not be read, if there are any. */
export function listNotes(
  sockets: readonly ListedSocket[],
  options: { root: boolean; width?: number | undefined },
): string[] {
  // Every socket with holders has the same number.
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
