/**
 * The supplementary groups of the peer of a UNIX socket.
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { errnoName, lastErrno, OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";

const GID_SIZE = Uint32Array.BYTES_PER_ELEMENT;

let groups = new Uint32Array(64);
const length = new Uint32Array(1);
const lengthBytes = new Uint8Array(length.buffer);

/**
 * The supplementary groups of the peer as the kernel recorded them when it
 * connected (SO_PEERGROUPS, Linux 4.13). Empty on older kernels.
 *
 * @throws {OsError} ENODATA for a socket that is not connected, ENOTSOCK.
 */
export function supplementaryGroups(fd: number): number[] {
  while (true) {
    length[0] = groups.byteLength;
    const result = libc().getsockopt(
      fd,
      abi.SOL_SOCKET,
      abi.SO_PEERGROUPS,
      new Uint8Array(groups.buffer),
      lengthBytes,
    );
    if (result === 0) {
      return Array.from(groups.subarray(0, length[0] / GID_SIZE));
    }
    const errno = lastErrno();
    // ERANGE: the kernel reports the length that it needs.
    if (length[0] > groups.byteLength) {
      groups = new Uint32Array(length[0] / GID_SIZE);
    } else if (errnoName(errno) === "ENOPROTOOPT") return [];
    else throw new OsError("getsockopt", errno, "SO_PEERGROUPS");
  }
}
