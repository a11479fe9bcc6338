import {
  descriptorLimit,
  openDescriptorCount,
  processId,
} from "../ffi/process.ts";
import type { Status, StatusLimits } from "../protocol.ts";
import { VERSION } from "../version.ts";
import type { Daemon } from "./daemon.ts";
import type { Limits } from "./limits.ts";

/** The method `status`: what a daemon is and has done. */
export function statusMethod(
  daemon: Omit<Daemon, "status">,
): Status {
  const { control, binds, origin, limits, counters, authorization } = daemon;
  const { rss, heapUsed } = Deno.memoryUsage();
  const { policy } = authorization;
  return {
    version: VERSION,
    pid: processId(),
    deno: Deno.version.deno,
    started_at: origin.startedAt,
    uptime: (Date.now() - Date.parse(origin.startedAt)) / 1000,
    generation_started_at: daemon.generationStartedAt,
    generation: origin.generation,
    control_socket: control.path,
    binds: binds.size,
    clients: daemon.connections.size,
    descriptors: {
      open: openDescriptorCount(),
      limit: descriptorLimit().soft,
    },
    requests: structuredClone(counters.requests),
    limits: shown(limits),
    refused: { ...counters.refused },
    memory: { resident: rss, heap: heapUsed },
    ...(policy && {
      policy: {
        path: policy.path,
        rules: policy.size,
        loaded_at: policy.loadedAt,
      },
    }),
  };
}

function shown({ clients, binds, requestTimeout }: Limits): StatusLimits {
  const orNone = (limit: number) => limit === Infinity ? 0 : limit;
  return {
    clients: orNone(clients),
    binds: orNone(binds),
    request_timeout: orNone(requestTimeout),
  };
}
