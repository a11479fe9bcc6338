import { formatDuration } from "../../duration.ts";
import type { RequestCount, Status, Upgrades } from "../../protocol.ts";
import { columns, entries } from "./list/columns.ts";
import { formatAge } from "./options/duration.ts";

const MEBIBYTE = 1024 * 1024;

/** The text of a line, or `undefined` if the status does not have it. */
type LineText = (
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

/** The lines, and the fields that each line shows. */
const LINES: readonly [
  name: string,
  fields: readonly (keyof Status)[],
  text: LineText,
][] = [
  ["version", ["version"], ({ version }) => version],
  ["deno", ["deno"], ({ deno }) => deno],
  ["pid", ["pid"], ({ pid }) => pid?.toString()],
  ["control socket", ["control_socket"], (status) => status.control_socket],
  [
    "uptime",
    ["uptime_seconds"],
    ({ uptime_seconds: uptime }) =>
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
      (limits.request_timeout_ms
        ? formatDuration(limits.request_timeout_ms)
        : "none"),
  ],
  [
    "memory",
    ["memory"],
    ({ memory }) =>
      memory &&
      `${mebibytes(memory.resident_bytes)}, JavaScript ${
        mebibytes(memory.heap_bytes)
      }`,
  ],
  ["upgrades", ["upgrades"], ({ upgrades }) => upgrades && upgrading(upgrades)],
  ["refused", ["refused"], ({ refused }) => refused && refusals(refused)],
  [
    "log lines",
    ["log"],
    ({ log }) => log && `${log.dropped} dropped, ${log.suppressed} suppressed`,
  ],
  [
    "policy",
    ["policy"],
    ({ policy, requests }, now) => {
      // An older daemon sends neither `policy` nor `requests`.
      if (policy === undefined) return requests && "none";
      const { path, rules, loaded_at } = policy;
      return `${path}, ${rules} rules, loaded ${ago(loaded_at, now)}`;
    },
  ],
  [
    "policy rejected",
    ["policy"],
    ({ policy }, now) =>
      policy?.rejected &&
      `${ago(policy.rejected.at, now)}: ${policy.rejected.reason}`,
  ],
];

function upgrading({ running, abandoned, reason }: Upgrades): string {
  const last = reason === undefined ? "" : `, the last one because: ${reason}`;
  return `${running ? "one runs, " : ""}${abandoned} abandoned${last}`;
}

/** The texts of the counters of `refused`. */
const REFUSED: Readonly<Record<string, string>> = {
  clients: "clients over the limit",
  clients_per_user: "clients over the limit of their user",
  idle: "idle clients that made room",
  binds: "binds over the limit",
  timeouts: "requests not complete in time",
  unread: "clients that did not read their answers",
  denied: "requests denied by the policy",
  descriptors: "clients without a free descriptor",
};

function refusals(counts: object): string {
  const counted = Object.entries(counts).filter(([, count]) => count !== 0);
  return counted.map(([name, count]) => `${count} ${REFUSED[name] ?? name}`)
    .join(", ") || "none";
}

/** The fields of a newer daemon. */
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

/** The status of a daemon as text. An older daemon sends fewer fields. */
export function statusLines(status: Partial<Status>, now: number): string[] {
  const rows: [string, string][] = [];
  for (const [name, , text] of LINES) {
    const line = text(status, now);
    if (line !== undefined) rows.push([name, line]);
  }
  rows.push(...unknownFields(status));
  return [...entries(rows), ...requestTable(status.requests ?? {})];
}
