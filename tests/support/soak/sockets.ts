/**
 * Checks that an answer carries the right socket and that the socket works.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { socketInode } from "../../../ffi/sockets/accept_queue.ts";
import { Descriptor, isNonblocking } from "../../../ffi/files/descriptor.ts";
import { abi } from "../../../ffi/libc/abi.ts";
import { Errno, errnoName, OsError } from "../../../ffi/libc/errno.ts";
import { waitReady } from "../../../ffi/files/readiness.ts";
import {
  acceptConnection,
  bindSocket,
  listenOn,
  newSocket,
  receive,
  send,
  servingKind,
  setOption,
  type SocketType,
  tryConnect,
} from "../../../ffi/sockets/socket.ts";
import { localAddress } from "../../../ffi/sockets/socket_address.ts";
import type { Kind } from "../../../address.ts";
import { PATIENCE } from "../eventually.ts";
import type { Place } from "./places.ts";

/** Identifies a socket. */
export interface SocketIdentity {
  readonly inode: string;
  /** The port that it is bound to; 0 for a path. */
  readonly port: number;
}

const TYPES: Readonly<Record<Kind, SocketType>> = {
  tcp: "stream",
  udp: "datagram",
  unix: "stream",
  seqpacket: "seqpacket",
  unixgram: "datagram",
};

/** Checks that the socket is at its place and the same as before. */
export function assertSocketOf(
  { kind, bound }: Place,
  fd: number,
  before: SocketIdentity | undefined,
): SocketIdentity {
  assertEquals(servingKind(fd), kind);
  assert(!isNonblocking(fd), "a socket that does not block");
  const address = localAddress(fd);
  let port = 0;
  if (bound.family === "unix" || address.family === "unix") {
    assertEquals(address, bound);
  } else {
    port = address.port;
    assert(port > 0 && (bound.port === 0 || port === bound.port), `${port}`);
    assertEquals([address.family, address.host], [bound.family, bound.host]);
  }
  const identity = { inode: socketInode(fd), port };
  assertEquals(identity, before ?? identity, "another socket than before");
  return identity;
}

/** Checks that a byte sent to the address arrives at the descriptor. */
export async function assertAlive(kind: Kind, fd: number): Promise<void> {
  const address = localAddress(fd);
  using client = newSocket(address, TYPES[kind], { nonblocking: true });
  const errno = tryConnect(client.fd, address);
  if (errno !== 0 && errnoName(errno) !== "EINPROGRESS") {
    throw new OsError("connect", errno);
  }
  assert(await waitReady(client.fd, "write", PATIENCE), "no connection");
  const sent = Uint8Array.of(1 + fd % 255);
  assertEquals(send(client.fd, sent), 1);
  assert(await waitReady(fd, "read", PATIENCE), "nothing arrives");
  if (kind === "udp" || kind === "unixgram") {
    await assertReceives(fd, sent);
    return;
  }
  using accepted = new Descriptor(acceptConnection(fd));
  await assertReceives(accepted.fd, sent);
}

async function assertReceives(
  fd: number,
  sent: Uint8Array<ArrayBuffer>,
): Promise<void> {
  assert(await waitReady(fd, "read", PATIENCE), "nothing is received");
  const room = new Uint8Array(2);
  assertEquals(room.subarray(0, receive(fd, room)), sent);
}

/** Binds a place without the daemon. */
export function occupy({ kind, bound }: Place): Descriptor {
  const socket = newSocket(bound, TYPES[kind], { nonblocking: true });
  try {
    if (kind === "tcp") {
      // The last holder may have connections in TIME_WAIT.
      setOption(socket.fd, abi.SOL_SOCKET, abi.SO_REUSEADDR, 1, "SO_REUSEADDR");
    }
    bindSocket(socket.fd, bound);
    if (kind !== "udp" && kind !== "unixgram") listenOn(socket.fd, 1);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** Whether a place is free. */
export function isFree(place: Place): boolean {
  try {
    occupy(place).close();
    return true;
  } catch (error) {
    const taken = error instanceof OsError && error.errno === Errno.EADDRINUSE;
    if (taken) return false;
    throw error;
  }
}
