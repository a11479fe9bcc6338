import { type Address, formatAddress, hasHost } from "../../address.ts";
import {
  type AcceptQueue,
  AcceptQueues,
  socketInode,
} from "../../ffi/sockets/accept_queue.ts";
import type { BindDescription } from "../../protocol.ts";
import { type Bind, type BindTable, isShard } from "../sockets/bind_table.ts";
import type { ShardGroups } from "../sockets/shards/shard_groups.ts";

/** Performs `list`: describes every held socket, in the order of their binds. */
export function listMethod(binds: BindTable): BindDescription[] {
  const queues = new AcceptQueues();
  return Array.from(binds, (bind) => describe(bind, queues, binds.groups));
}

function describe(
  bind: Bind,
  queues: AcceptQueues,
  groups: ShardGroups,
): BindDescription {
  const queue = acceptQueue(bind, queues);
  const requested = bind.options.backlog;
  return {
    address: formatAddress(bind.address),
    ...boundTo(bind),
    kind: bind.address.kind,
    options: {
      ...bind.options,
      ...(queue && { backlog: queue.limit }),
      ...addressOptions(bind.address),
      ...shardOptions(bind, groups),
    },
    ...(queue && requested !== undefined && requested !== queue.limit &&
      { requested_backlog: requested }),
    bound_at: isoTime(bind.boundAt),
    handed_out: bind.handedOut,
    ...(bind.lastPeer && {
      last_peer: { ...bind.lastPeer, at: isoTime(bind.lastPeer.at) },
    }),
    inode: socketInode(bind.socket.fd),
    ...(bind.file && { file: bind.file }),
    ...(queue && { waiting: queue.waiting }),
  };
}

/**
 * The address with the port that the kernel chose for port 0, and the IPv4 address
 * of an IPv6 bind where IPv6 is switched off.
 */
function boundTo({ address, name }: Bind): Pick<BindDescription, "bound"> {
  if (!hasHost(address) || name === undefined) return {};
  const isOther = address.host.includes(":") && name.family === "ipv4";
  if (address.port !== 0 && !isOther) return {};
  const host = isOther ? "0.0.0.0" : address.host;
  return { bound: formatAddress({ ...address, host, port: name.port }) };
}

function addressOptions(
  address: Address,
): Pick<BindDescription["options"], "v6only" | "device"> {
  if (!hasHost(address)) return {};
  const { host, v6only, device } = address;
  return {
    ...(host.includes(":") && { v6only }),
    ...(device !== undefined && { device }),
  };
}

/** A socket without a group has none of them. */
function shardOptions(
  bind: Bind,
  groups: ShardGroups,
): Pick<BindDescription["options"], "shard" | "shards"> {
  if (!isShard(bind)) return {};
  const group = groups.of(bind.address);
  return group === undefined
    ? {}
    : { shard: bind.address.shard ?? 0, shards: group.shards };
}

function acceptQueue(
  { address: { kind }, socket }: Bind,
  queues: AcceptQueues,
): AcceptQueue | undefined {
  return kind === "udp" || kind === "unixgram"
    ? undefined
    : queues.of(socket.fd, kind);
}

function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
