/**
 * The accept queue of listening sockets: its length and its limit.
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { Descriptor } from "../files/descriptor.ts";
import { errnoName, lastErrno, OsError } from "../libc/errno.ts";
import { statusOfDescriptor } from "../files/file.ts";
import { libc } from "../libc/libc.ts";
import { viewOf } from "../libc/memory.ts";
import { receive, send } from "./socket.ts";

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

const { nlmsghdr, unix_diag_req, unix_diag_msg, rtattr, unix_diag_rqlen } =
  abi.layouts;

/** The size limit of one message of a kernel dump, in bytes. */
const MESSAGE_ROOM = 32 * 1024;

/**
 * The queue of every listening UNIX socket in this network namespace, by
 * inode (sock_diag(7)); empty where the kernel or a sandbox does not report it.
 */
function queuesAtUnix(): Map<string, AcceptQueue> {
  const found = new Map<string, AcceptQueue>();
  const type = abi.SOCK_RAW | abi.SOCK_CLOEXEC;
  const fd = libc().socket(abi.AF_NETLINK, type, abi.NETLINK_SOCK_DIAG);
  if (fd === -1) return found;
  using socket = new Descriptor(fd);
  try {
    send(socket.fd, dumpRequest());
    const bytes = new Uint8Array(MESSAGE_ROOM);
    // The kernel produces each part of a dump during recv(2) (netlink(7)).
    for (let more = true; more;) {
      const length = receive(socket.fd, bytes);
      more = length > 0 && readMessages(bytes.subarray(0, length), found);
    }
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
  }
  return found;
}

function dumpRequest(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(nlmsghdr.size + unix_diag_req.size);
  const view = viewOf(bytes);
  const flags = abi.NLM_F_REQUEST | abi.NLM_F_DUMP;
  view.setUint32(nlmsghdr.nlmsg_len, bytes.length, true);
  view.setUint16(nlmsghdr.nlmsg_type, abi.SOCK_DIAG_BY_FAMILY, true);
  view.setUint16(nlmsghdr.nlmsg_flags, flags, true);
  const body = nlmsghdr.size;
  const states = 1 << abi.TCP_LISTEN;
  view.setUint8(body + unix_diag_req.sdiag_family, abi.AF_UNIX);
  view.setUint32(body + unix_diag_req.udiag_states, states, true);
  view.setUint32(body + unix_diag_req.udiag_show, abi.UDIAG_SHOW_RQLEN, true);
  return bytes;
}

/** Headers, messages and attributes begin at multiples of 4 bytes. */
function aligned(length: number): number {
  return (length + 3) & ~3;
}

/** Reads one part of the dump; returns whether more parts follow. */
function readMessages(
  bytes: Uint8Array<ArrayBuffer>,
  found: Map<string, AcceptQueue>,
): boolean {
  const view = viewOf(bytes);
  for (let at = 0; at + nlmsghdr.size <= bytes.length;) {
    const length = view.getUint32(at + nlmsghdr.nlmsg_len, true);
    const type = view.getUint16(at + nlmsghdr.nlmsg_type, true);
    const end = at + length;
    // NLMSG_DONE or NLMSG_ERROR ends the dump.
    if (type !== abi.SOCK_DIAG_BY_FAMILY) return false;
    const body = at + nlmsghdr.size;
    if (body + unix_diag_msg.size > end || end > bytes.length) return false;
    const queue = queueIn(view, body + unix_diag_msg.size, end);
    const inode = view.getUint32(body + unix_diag_msg.udiag_ino, true);
    if (queue !== undefined) found.set(String(inode), queue);
    at += aligned(length);
  }
  return true;
}

/** The value of the attribute UNIX_DIAG_RQLEN between `start` and `end`. */
function queueIn(
  view: DataView,
  start: number,
  end: number,
): AcceptQueue | undefined {
  for (let at = start; at + rtattr.size <= end;) {
    const length = view.getUint16(at + rtattr.rta_len, true);
    const type = view.getUint16(at + rtattr.rta_type, true);
    const data = at + rtattr.size;
    if (length < rtattr.size || at + length > end) return undefined;
    if (type === abi.UNIX_DIAG_RQLEN) {
      if (data + unix_diag_rqlen.size > end) return undefined;
      return {
        waiting: view.getUint32(data + unix_diag_rqlen.udiag_rqueue, true),
        limit: view.getUint32(data + unix_diag_rqlen.udiag_wqueue, true),
      };
    }
    at += aligned(length);
  }
  return undefined;
}
