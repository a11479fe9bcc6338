/**
 * UNIX sockets of other programs, made in this one.
 *
 * @module
 */
import type { PathKind } from "../../../address.ts";
import type { Descriptor } from "../../../ffi/files/descriptor.ts";
import {
  bindSocket,
  listenOn,
  newSocket,
  type SocketType,
} from "../../../ffi/sockets/socket.ts";

/** What socket(2) is told for a kind. */
export const SOCKET_TYPES: Readonly<Record<PathKind, SocketType>> = {
  unix: "stream",
  seqpacket: "seqpacket",
  unixgram: "datagram",
};

/** A socket that is bound and, where its kind can, listens. */
export function boundAt(path: string, kind: PathKind): Descriptor {
  const socket = onlyBoundAt(path, kind);
  if (kind !== "unixgram") listenOn(socket.fd, 8);
  return socket;
}

/** A socket that is bound and does not listen. */
export function onlyBoundAt(path: string, kind: PathKind): Descriptor {
  const socket = newSocket({ family: "unix" }, SOCKET_TYPES[kind], {
    nonblocking: true,
  });
  bindSocket(socket.fd, { family: "unix", path });
  return socket;
}

/** A socket's file that nobody serves any more, as a crash leaves it. */
export function leaveDead(path: string, kind: PathKind): void {
  boundAt(path, kind).close();
}
