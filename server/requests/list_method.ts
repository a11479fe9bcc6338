import { type Address, formatAddress, hasHost } from "../../address.ts";
import { AcceptQueues, socketInode } from "../../ffi/sockets/accept_queue.ts";
import { localAddress } from "../../ffi/sockets/socket_address.ts";
import type { BindDescription } from "../../protocol.ts";
import type { Bind, BindTable } from "../sockets/bind_table.ts";

/** Performs `list`: describes every held socket, in the order of their binds. */
export function listMethod(binds: BindTable): BindDescription[] {
  const queues = new AcceptQueues();
  return Array.from(binds, (bind): BindDescription => ({
    address: formatAddress(bind.address),
    ...boundTo(bind),
    kind: bind.address.kind,
    options: { ...bind.options, ...addressOptions(bind.address) },
    bound_at: isoTime(bind.boundAt),
    handed_out: bind.handedOut,
    ...(bind.lastPeer && {
      last_peer: { ...bind.lastPeer, at: isoTime(bind.lastPeer.at) },
    }),
    inode: socketInode(bind.socket.fd),
    ...(bind.file && { file: bind.file }),
    ...waiting(bind, queues),
  }));
}

/** The address with the port that the kernel chose for port 0. */
function boundTo(
  { address, socket }: Bind,
): Pick<BindDescription, "bound"> {
  if (!hasHost(address) || address.port !== 0) return {};
  const bound = localAddress(socket.fd);
  if (bound.family === "unix") return {};
  return { bound: formatAddress({ ...address, port: bound.port }) };
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

function waiting(
  { address: { kind }, socket }: Bind,
  queues: AcceptQueues,
): Pick<BindDescription, "waiting"> {
  const count = kind === "udp" || kind === "unixgram"
    ? undefined
    : queues.waiting(socket.fd, kind);
  return count === undefined ? {} : { waiting: count };
}

function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
