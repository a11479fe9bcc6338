import { formatAddress } from "../address.ts";
import type { BindDescription } from "../protocol.ts";
import type { BindTable } from "./bind_table.ts";

/** The method `list`: every held socket, in the order they were bound. */
export function listMethod(binds: BindTable): BindDescription[] {
  return Array.from(binds, (bind): BindDescription => ({
    address: formatAddress(bind.address),
    kind: bind.address.kind,
    options: {
      backlog: bind.backlog,
      ...(bind.address.host.includes(":") && { v6only: bind.address.v6only }),
    },
    bound_at: isoTime(bind.boundAt),
    handed_out: bind.handedOut,
    ...(bind.lastPeer && {
      last_peer: { ...bind.lastPeer, at: isoTime(bind.lastPeer.at) },
    }),
  }));
}

function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
