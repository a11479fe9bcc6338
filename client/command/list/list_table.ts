import { type Column, columns } from "./columns.ts";
import { holdersText } from "./holders_text.ts";
import { formatAge } from "../options/duration.ts";
import type { ListedSocket } from "./listing.ts";
import { shownAddress } from "../shown_address.ts";
import { cutToWidth, textWidth } from "./text_width.ts";

interface TableColumn extends Column {
  /** On a narrow terminal the columns with the highest number are left out first. */
  leaveOut?: number;
  /** The text for a socket. */
  cell: (socket: ListedSocket, now: number) => string;
}

const HOLDERS: TableColumn = { heading: "HOLDERS", cell: holdersCell };

// A line that is too long is cut, so the least important columns are last.
const COLUMNS: readonly TableColumn[] = [
  { heading: "ADDRESS", cell: shownAddress },
  { heading: "KIND", cell: ({ kind }) => kind ?? NONE },
  {
    heading: "BACKLOG",
    right: true,
    leaveOut: 1,
    // An older daemon sends fewer fields.
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
    leaveOut: 3,
    cell: ({ bound_at }, now) => age(bound_at, now),
  },
  {
    heading: "HANDED OUT",
    right: true,
    leaveOut: 3,
    cell: ({ handed_out }) => String(handed_out ?? NONE),
  },
  HOLDERS,
  { heading: "LAST TO", leaveOut: 2, cell: lastCell },
];

/** Columns from this number on are left out: at first none. */
const LEVELS = [4, 3, 2, 1];

/** The cell of a field that is unknown or does not apply. */
const NONE = "-";

/**
 * The sockets as a table. Columns are left out until each line fits in `width`.
 * If a line is still too long, it is cut.
 */
export function listTable(
  sockets: readonly ListedSocket[],
  now: number,
  options: { holders: boolean; width?: number | undefined },
): string[] {
  const { holders, width = Infinity } = options;
  let lines: string[] = [];
  for (const level of LEVELS) {
    const shown = COLUMNS.filter((column) =>
      (column.leaveOut ?? 0) < level && (holders || column !== HOLDERS)
    );
    const rows = sockets.map((socket) =>
      shown.map(({ cell }) => cell(socket, now))
    );
    lines = columns(shown, rows);
    if (lines.every((line) => textWidth(line) <= width)) return lines;
  }
  return lines.map((line) => cutToWidth(line, width));
}

/** A note below the table if not all processes could be inspected. */
export function listNotes(
  sockets: readonly ListedSocket[],
  options: { root: boolean; width?: number | undefined },
): string[] {
  const width = options.width ?? Infinity;
  const failed = sockets.find((each) => each.search_error)?.search_error;
  if (failed !== undefined) {
    const note = `the processes that hold them are unknown: ${failed}`;
    return [cutToWidth(note, width)];
  }
  // The number is the same for all sockets with an inode.
  const unreadable = sockets.find((each) => each.unreadable)?.unreadable ?? 0;
  if (unreadable === 0) return [];
  const count = unreadable === 1 ? "1 process" : `${unreadable} processes`;
  const advice = options.root ? "" : "; root can inspect more";
  const note =
    `${count} could not be inspected and may hold them too${advice}.`;
  return [cutToWidth(note, width)];
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

function holdersCell(
  { holders, not_visible, unreadable }: ListedSocket,
): string {
  if (holders === undefined) return NONE;
  const text = holdersText(holders, not_visible);
  if (text !== "") return text;
  return unreadable ? "daemon only?" : "daemon only";
}
