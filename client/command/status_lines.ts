import { formatDuration } from "../../duration.ts";
import type { RequestCount, Status } from "../../protocol.ts";
import { columns, entries } from "./list/columns.ts";
import { formatAge } from "./options/duration.ts";

const MEBIBYTE = 1024 * 1024;

/** Reads one field; `undefined` where there is nothing to say. */
type Line = (
  status: Partial<Status>,
  now: number,
) => string | undefined;

function ago(time: string, now: number): string {
  return `${time}, ${formatAge(now - new Date(time).getTime(), 2)} ago`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / MEBIBYTE).toFixed(1)} MiB`;
}

function limit(count: number | undefined): string {
  return count ? ` of at most ${count}` : "";
}

/** Every field that has a line, in the order of the lines. */
const LINES: readonly [
  name: string,
  fields: readonly (keyof Status)[],
  line: Line,
][] = [
  ["version", ["version"], ({ version }) => version],
  ["deno", ["deno"], ({ deno }) => deno],
  ["pid", ["pid"], ({ pid }) => pid?.toString()],
  ["control socket", ["control_socket"], (status) => status.control_socket],
  [
    "uptime",
    ["uptime"],
    ({ uptime }) =>
      uptime === undefined ? undefined : formatAge(uptime * 1000, 2),
  ],
  [
    "started",
    ["started_at"],
    ({ started_at }, now) => started_at && ago(started_at, now),
  ],
  [
    "generation",
    ["generation", "generation_started_at"],
    ({ generation, generation_started_at: since }, now) =>
      generation === undefined
        ? undefined
        : `${generation}${since ? `, since ${ago(since, now)}` : ""}`,
  ],
  [
    "binds",
    ["binds"],
    ({ binds, limits }) =>
      binds === undefined ? undefined : `${binds}${limit(limits?.binds)}`,
  ],
  [
    "clients",
    ["clients"],
    ({ clients, limits }) =>
      clients === undefined ? undefined : `${clients}${limit(limits?.clients)}`,
  ],
  [
    "descriptors",
    ["descriptors"],
    ({ descriptors }) =>
      descriptors && `${descriptors.open}${limit(descriptors.limit)}`,
  ],
  [
    "request timeout",
    ["limits"],
    ({ limits }) =>
      limits &&
      (limits.request_timeout
        ? formatDuration(limits.request_timeout)
        : "none"),
  ],
  [
    "memory",
    ["memory"],
    ({ memory }) =>
      memory &&
      `${mebibytes(memory.resident)}, JavaScript ${mebibytes(memory.heap)}`,
  ],
  ["turned away", ["refused"], ({ refused }) => refused && named(refused)],
  [
    "policy",
    ["policy"],
    ({ policy, requests }, now) => {
      // Only a daemon that counts requests knows of policies.
      if (policy === undefined) return requests && "none";
      const { path, rules, loaded_at } = policy;
      return `${path}, ${rules} rules, loaded ${ago(loaded_at, now)}`;
    },
  ],
];

/** What the names of the counters in `refused` stand for. */
const REFUSED: Readonly<Record<string, string>> = {
  clients: "clients over the limit",
  binds: "binds over the limit",
  timeouts: "requests not finished in time",
  unread: "clients that did not read",
  denied: "requests denied by the policy",
  descriptors: "clients for want of descriptors",
};

function named(counts: object): string {
  const reached = Object.entries(counts).filter(([, count]) => count !== 0);
  return reached.map(([name, count]) => `${count} ${REFUSED[name] ?? name}`)
    .join(", ") || "nobody";
}

/** Fields of a newer daemon, as they come. */
function unknownFields(status: object): [string, string][] {
  const known = new Set<string>(LINES.flatMap(([, fields]) => fields));
  known.add("requests");
  return Object.entries(status).filter(([name]) => !known.has(name)).map((
    [name, value],
  ) => [
    name.replaceAll("_", " "),
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
}

function requestTable(requests: Record<string, RequestCount>): string[] {
  const rows = Object.entries(requests).map(([method, count]) => [
    method,
    String(count.requests),
    String(count.errors),
  ]);
  const heads = [
    { heading: "METHOD" },
    { heading: "REQUESTS", right: true },
    { heading: "ERRORS", right: true },
  ];
  return rows.length === 0 ? [] : ["", ...columns(heads, rows)];
}

/** What a daemon says of itself, for people: as much of it as it says. */
export function statusLines(status: Partial<Status>, now: number): string[] {
  const rows: [string, string][] = [];
  for (const [name, , line] of LINES) {
    const text = line(status, now);
    if (text !== undefined) rows.push([name, text]);
  }
  rows.push(...unknownFields(status));
  return [...entries(rows), ...requestTable(status.requests ?? {})];
}
