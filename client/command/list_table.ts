import type { BindDescription } from "../../protocol.ts";
import type { Holder } from "../holders.ts";
import { type Column, columns } from "./columns.ts";
import { formatAge } from "./duration.ts";
import type { ListedSocket } from "./listing.ts";
import { cutToWidth } from "./text_width.ts";

const COLUMNS: readonly Column[] = [
  { heading: "ADDRESS" },
  { heading: "KIND" },
  { heading: "BACKLOG", right: true },
  { heading: "WAITING", right: true },
  { heading: "AGE", right: true },
  { heading: "HANDED OUT", right: true },
];

// These two come last: what a narrow terminal cuts is to whom it was handed.
const HOLDERS: Column = { heading: "HOLDERS" };
const LAST: Column = { heading: "LAST TO" };

/** What is not known, or does not apply. */
const NONE = "-";

/** More processes of one command are counted, not named. */
const MOST_NAMED = 3;

/** How much of a command line tells one program from another. */
const COMMAND_WIDTH = 32;

/**
 * The sockets of a list as a table for people, no line longer than `width`,
 * with the holders where they were looked for.
 */
export function listTable(
  sockets: readonly ListedSocket[],
  now: number,
  options: { holders: boolean; width?: number | undefined },
): string[] {
  if (sockets.length === 0) return ["The daemon holds no socket."];
  const optional = options.holders ? [HOLDERS] : [];
  const heads = [...COLUMNS, ...optional, LAST];
  const rows = sockets.map((socket) => [
    ...cells(socket, now),
    ...options.holders ? [holdersCell(socket)] : [],
    lastCell(socket, now),
  ]);
  const table = columns(heads, rows, options.width);
  const unreadable = sockets[0]?.unreadable ?? 0;
  if (unreadable === 0) return table;
  const who = unreadable === 1 ? "1 process" : `${unreadable} processes`;
  const note =
    `${who} could not be looked at and may hold them too; root may look at more.`;
  return [...table, cutToWidth(note, options.width ?? Infinity)];
}

function cells(socket: ListedSocket, now: number): string[] {
  const { kind, handed_out, waiting } = socket;
  // An older daemon knows fewer fields.
  const options: Partial<BindDescription["options"]> = socket.options ?? {};
  return [
    addressOf(socket.address, options.device),
    kind ?? NONE,
    String(options.backlog ?? NONE),
    String(waiting ?? NONE),
    age(socket.bound_at, now),
    String(handed_out ?? NONE),
  ];
}

function addressOf(address: string, device: string | undefined): string {
  return device === undefined || address.endsWith(`%${device}`)
    ? address
    : `${address}%${device}`;
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

/** The program without its directory, and some of its arguments. */
function shortened(command: string): string {
  return cutToWidth(command.replace(/^\/\S*\//, ""), COMMAND_WIDTH);
}
