/**
 * UNIX sockets that the daemon does not hold.
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

/** The type of a kind for socket(2). */
export const SOCKET_TYPES: Readonly<Record<PathKind, SocketType>> = {
  unix: "stream",
  seqpacket: "seqpacket",
  unixgram: "datagram",
};

/** A bound socket that listens if its kind has an accept queue. */
export function boundAt(path: string, kind: PathKind): Descriptor {
  const socket = onlyBoundAt(path, kind);
  if (kind !== "unixgram") listenOn(socket.fd, 8);
  return socket;
}

/** A bound socket that does not listen. */
export function onlyBoundAt(path: string, kind: PathKind): Descriptor {
  const socket = newSocket({ family: "unix" }, SOCKET_TYPES[kind], {
    nonblocking: true,
  });
  bindSocket(socket.fd, { family: "unix", path });
  return socket;
}

/** Leaves a socket file that no process serves, as a crash does. */
export function leaveDead(path: string, kind: PathKind): void {
  boundAt(path, kind).close();
}
