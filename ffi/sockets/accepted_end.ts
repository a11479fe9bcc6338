/**
 * The other end of a connection to a listening socket of this machine.
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { viewOf } from "../libc/memory.ts";
import { statusOfDescriptor } from "../files/file.ts";
import {
  ANY_STATE,
  attributeOf,
  internetRequest,
  readDiagnostics,
  unixRequest,
} from "./sock_diag.ts";
import {
  hostBytes,
  type InternetAddress,
  localAddress,
  peerAddress,
} from "./socket_address.ts";

const {
  inet_diag_msg,
  inet_diag_req_v2,
  inet_diag_sockid,
  unix_diag_msg,
  unix_diag_req,
} = abi.layouts;

/**
 * The inode of the accepted end of a connected TCP or UNIX stream socket, as in the
 * link `socket:[123]` of /proc/PID/fd; `"0"` while the connection is in the accept
 * queue. `undefined` if that end is gone, and where the kernel or a sandbox does not
 * report sockets.
 *
 * @throws {OsError} ENOTCONN.
 */
export function acceptedInode(fd: number): string | undefined {
  const own = localAddress(fd);
  const other = peerAddress(fd);
  return own.family === "unix" || other.family === "unix"
    ? unixPeer(fd)?.peer
    : inodeOfTcp(other, own);
}

/**
 * Whether the kernel reports sockets, asked about a connected one.
 *
 * @throws {OsError} ENOTCONN.
 */
export function isReported(fd: number): boolean {
  const own = localAddress(fd);
  const other = peerAddress(fd);
  return own.family === "unix" || other.family === "unix"
    ? unixPeer(fd) !== undefined
    : inodeOfTcp(own, other) === statusOfDescriptor(fd).inode;
}

/** No cookie: the other fields identify the socket. */
function setNoCookie(view: DataView, at: number): void {
  view.setUint32(at, abi.INET_DIAG_NOCOOKIE, true);
  view.setUint32(at + 4, abi.INET_DIAG_NOCOOKIE, true);
}

/** The inode of the socket with this own address and peer. */
function inodeOfTcp(
  own: InternetAddress,
  peer: InternetAddress,
): string | undefined {
  const request = internetRequest("tcp", own, ANY_STATE);
  const view = viewOf(request);
  const { id } = inet_diag_req_v2;
  const { idiag_dport, idiag_src, idiag_dst } = inet_diag_sockid;
  view.setUint16(id + idiag_dport, peer.port, false);
  request.set(hostBytes(own), id + idiag_src);
  request.set(hostBytes(peer), id + idiag_dst);
  view.setUint32(id + inet_diag_sockid.idiag_if, own.scope ?? 0, true);
  setNoCookie(view, id + inet_diag_sockid.idiag_cookie);
  let inode: string | undefined;
  readDiagnostics(request, "one", (message) => {
    if (message.byteLength < inet_diag_msg.size) return;
    inode = String(message.getUint32(inet_diag_msg.idiag_inode, true));
  });
  return inode;
}

function unixPeer(fd: number): { peer: string | undefined } | undefined {
  const request = unixRequest(ANY_STATE, abi.UDIAG_SHOW_PEER);
  const view = viewOf(request);
  const inode = Number(statusOfDescriptor(fd).inode);
  view.setUint32(unix_diag_req.udiag_ino, inode, true);
  setNoCookie(view, unix_diag_req.udiag_cookie);
  let found: { peer: string | undefined } | undefined;
  readDiagnostics(request, "one", (message) => {
    const type = abi.UNIX_DIAG_PEER;
    const value = attributeOf(message, unix_diag_msg.size, type);
    const peer = value?.getUint32(0, true);
    found = { peer: peer === undefined ? undefined : String(peer) };
  });
  return found;
}
