/**
 * The accept queue of listening sockets: its length and its limit.
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { errnoName, lastErrno, OsError } from "../libc/errno.ts";
import { statusOfDescriptor } from "../files/file.ts";
import { libc } from "../libc/libc.ts";
import { viewOf } from "../libc/memory.ts";
import { attributeOf, readDiagnostics, unixRequest } from "./sock_diag.ts";

/** Kinds of socket that have an accept queue. */
export type QueueKind = "tcp" | "unix" | "seqpacket";

/**
 * The inode of a socket in decimal, as in the link `socket:[123]` of
 * /proc/PID/fd (proc_pid_fd(5)).
 *
 * @throws {OsError} EBADF.
 */
export function socketInode(fd: number): string {
  return statusOfDescriptor(fd).inode;
}

/**
 * The current length of the accept queue of a listening socket; `undefined`
 * where the kernel or a sandbox does not report it. For many sockets use
 * {@linkcode AcceptQueues}.
 *
 * @throws {OsError} EBADF, ENOTSOCK.
 */
export function waitingConnections(
  fd: number,
  kind: QueueKind,
): number | undefined {
  return new AcceptQueues().of(fd, kind)?.waiting;
}

/** The accept queue of a listening socket. */
export interface AcceptQueue {
  /** The number of connections in it. */
  readonly waiting: number;
  /** The backlog in force: that of the last listen(2), capped by the kernel. */
  readonly limit: number;
}

/**
 * Reads the accept queues of many sockets. The first UNIX socket loads the
 * queues of all UNIX sockets, because a query for one socket makes the kernel
 * scan them all.
 */
export class AcceptQueues {
  #unix: ReadonlyMap<string, AcceptQueue> | undefined;

  /**
   * The accept queue of one socket; `undefined` where the kernel or a sandbox
   * does not report it.
   *
   * @throws {OsError} EBADF, ENOTSOCK.
   */
  of(fd: number, kind: QueueKind): AcceptQueue | undefined {
    if (kind === "tcp") return queueAtTcp(fd);
    const inode = socketInode(fd);
    this.#unix ??= queuesAtUnix();
    return this.#unix.get(inode);
  }
}

const { tcp_info } = abi.layouts;
// An older kernel has a shorter struct and fills in less.
const ASKED = tcp_info.tcpi_sacked + 4;
const info = new Uint8Array(ASKED);
const infoView = viewOf(info);
const infoLength = new Uint32Array(1);
const infoLengthBytes = new Uint8Array(infoLength.buffer);

const CALLER_ERRORS: ReadonlySet<string> = new Set(["EBADF", "ENOTSOCK"]);

/**
 * For a listening socket `tcpi_unacked` is the length of the accept queue, and
 * `tcpi_sacked` its limit. For another socket they are something else.
 */
function queueAtTcp(fd: number): AcceptQueue | undefined {
  infoLength[0] = ASKED;
  const { IPPROTO_TCP, TCP_INFO } = abi;
  const result = libc().getsockopt(
    fd,
    IPPROTO_TCP,
    TCP_INFO,
    info,
    infoLengthBytes,
  );
  if (result === -1) {
    const errno = lastErrno();
    if (CALLER_ERRORS.has(errnoName(errno))) {
      throw new OsError("getsockopt", errno, "TCP_INFO");
    }
    return undefined;
  }
  if (
    infoLength[0]! < ASKED || info[tcp_info.tcpi_state] !== abi.TCP_LISTEN
  ) return undefined;
  return {
    waiting: infoView.getUint32(tcp_info.tcpi_unacked, true),
    limit: infoView.getUint32(tcp_info.tcpi_sacked, true),
  };
}

const { unix_diag_msg, unix_diag_rqlen } = abi.layouts;

/**
 * The queue of every listening UNIX socket in this network namespace, by
 * inode; empty where the kernel or a sandbox does not report it.
 */
function queuesAtUnix(): Map<string, AcceptQueue> {
  const request = unixRequest(1 << abi.TCP_LISTEN, abi.UDIAG_SHOW_RQLEN);
  const found = new Map<string, AcceptQueue>();
  readDiagnostics(request, "all", (message) => {
    if (message.byteLength < unix_diag_msg.size) return;
    const inode = message.getUint32(unix_diag_msg.udiag_ino, true);
    const queue = queueIn(message);
    if (queue !== undefined) found.set(String(inode), queue);
  });
  return found;
}

function queueIn(message: DataView): AcceptQueue | undefined {
  const type = abi.UNIX_DIAG_RQLEN;
  const value = attributeOf(message, unix_diag_msg.size, type);
  if (value === undefined || value.byteLength < unix_diag_rqlen.size) {
    return undefined;
  }
  return {
    waiting: value.getUint32(unix_diag_rqlen.udiag_rqueue, true),
    limit: value.getUint32(unix_diag_rqlen.udiag_wqueue, true),
  };
}
