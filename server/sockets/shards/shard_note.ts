/**
 * What the daemon notes on each socket of a group: it survives the daemon with the
 * socket, in a descriptor store or in the hands of the next daemon.
 *
 * The note is in the permission bits of the socket's inode, which the kernel does not
 * use (sockfs_setattr() of its net/socket.c): 6 bits for the number of active sockets,
 * 6 for the place in the kernel's list. Some are inverted, so that the bits of a new
 * socket mean what no note means: all are active, and no place is known.
 *
 * @module
 */
import { setModeOf, statusOfDescriptor } from "../../../ffi/files/file.ts";
import { OsError } from "../../../ffi/libc/errno.ts";
import { MAX_SHARDS } from "../../../protocol.ts";

/** What is known about a socket's group. */
export interface ShardNote {
  /** How many sockets of the group get new connections. */
  readonly shards: number;
  /** The socket's place in the kernel's list, if it is known. */
  readonly place: number | undefined;
}

/** The bits of a socket without a note. */
const NO_NOTE = 0o777;
const INVERTED = 0o7000;
const UNKNOWN = MAX_SHARDS - 1;

/** Writes a note. Without the right to do so there is none. */
export function writeNote(fd: number, { shards, place = UNKNOWN }: ShardNote) {
  try {
    const note = (shards - 1) * MAX_SHARDS + Math.min(place, UNKNOWN);
    setModeOf(fd, note ^ INVERTED);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
  }
}

/** Reads a note, if there is one. */
export function readNote(fd: number): ShardNote | undefined {
  const bits = statusOfDescriptor(fd).mode & 0o7777;
  if (bits === NO_NOTE) return undefined;
  const note = bits ^ INVERTED;
  const place = note % MAX_SHARDS;
  return {
    shards: Math.floor(note / MAX_SHARDS) + 1,
    place: place === UNKNOWN ? undefined : place,
  };
}
