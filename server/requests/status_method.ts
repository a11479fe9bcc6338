import {
  descriptorLimit,
  openDescriptorCount,
  processId,
} from "../../ffi/processes/process.ts";
import type { Status, StatusLimits } from "../../protocol.ts";
import { VERSION } from "../../version.ts";
import type { Limits } from "../daemon/limits.ts";
import type { Authorization } from "../policy/authorization.ts";
import type { Counters } from "../log/counters.ts";
import type { MissingLines } from "../log/log.ts";

/** Data about a daemon for `status`. */
export interface StatusSource {
  /** Start of the first generation, ISO 8601. */
  readonly startedAt: string;
  /** Start of this generation, ISO 8601. */
  readonly generationStartedAt: string;
  readonly generation: number;
  /** Path of the control socket. */
  readonly path: string;
  /** Number of held sockets. */
  readonly binds: number;
  /** Number of connected clients. */
  readonly clients: number;
  readonly limits: Limits;
  readonly counters: Counters;
  readonly authorization: Pick<Authorization, "policy" | "rejection">;
  /** Lines that are not in the log. */
  readonly log: MissingLines;
}

/** Performs `status`. */
export function statusMethod(source: StatusSource): Status {
  const { startedAt, counters, authorization } = source;
  const { rss, heapUsed } = Deno.memoryUsage();
  return {
    version: VERSION,
    pid: processId(),
    deno: Deno.version.deno,
    started_at: startedAt,
    uptime_seconds: (Date.now() - Date.parse(startedAt)) / 1000,
    generation_started_at: source.generationStartedAt,
    generation: source.generation,
    control_socket: source.path,
    binds: source.binds,
    clients: source.clients,
    descriptors: {
      open: openDescriptorCount(),
      limit: descriptorLimit().soft,
    },
    requests: structuredClone(counters.requests),
    limits: statusLimits(source.limits),
    refused: { ...counters.refused },
    upgrades: { ...counters.upgrades },
    log: source.log,
    memory: { resident_bytes: rss, heap_bytes: heapUsed },
    ...policyStatus(authorization),
  };
}

function policyStatus(
  { policy, rejection }: StatusSource["authorization"],
): Pick<Status, "policy"> {
  if (policy === undefined) return {};
  const { path, size, loadedAt } = policy;
  const rejected = rejection && { rejected: { ...rejection } };
  return { policy: { path, rules: size, loaded_at: loadedAt, ...rejected } };
}

function statusLimits(
  { clients, clientsPerUser, binds, requestTimeout }: Limits,
): StatusLimits {
  const orNone = (limit: number) => limit === Infinity ? 0 : limit;
  return {
    clients: orNone(clients),
    clients_per_user: orNone(clientsPerUser),
    binds: orNone(binds),
    request_timeout_ms: orNone(requestTimeout),
  };
}
