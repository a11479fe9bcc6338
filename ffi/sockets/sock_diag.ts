/**
 * Asks the kernel about sockets of this network namespace (sock_diag(7)).
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { Descriptor } from "../files/descriptor.ts";
import { OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { viewOf } from "../libc/memory.ts";
import { receive, send } from "./socket.ts";
import { domainOf, type InternetAddress } from "./socket_address.ts";

const { inet_diag_req_v2, nlmsghdr, rtattr, unix_diag_req } = abi.layouts;

/** Every state of a socket. */
export const ANY_STATE = 0xffffffff;

/** A request for the TCP or UDP sockets with a local port: an `inet_diag_req_v2`. */
export function internetRequest(
  kind: "tcp" | "udp",
  { family, port }: Pick<InternetAddress, "family" | "port">,
  states: number,
): Uint8Array<ArrayBuffer> {
  const request = new Uint8Array(inet_diag_req_v2.size);
  const view = viewOf(request);
  const { sdiag_family, sdiag_protocol, idiag_states, id } = inet_diag_req_v2;
  const protocol = kind === "tcp" ? abi.IPPROTO_TCP : abi.IPPROTO_UDP;
  view.setUint8(sdiag_family, domainOf(family));
  view.setUint8(sdiag_protocol, protocol);
  view.setUint32(idiag_states, states, true);
  view.setUint16(id + abi.layouts.inet_diag_sockid.idiag_sport, port);
  return request;
}

/** A request for UNIX sockets: a `unix_diag_req`. */
export function unixRequest(
  states: number,
  show: number,
): Uint8Array<ArrayBuffer> {
  const request = new Uint8Array(unix_diag_req.size);
  const view = viewOf(request);
  view.setUint8(unix_diag_req.sdiag_family, abi.AF_UNIX);
  view.setUint32(unix_diag_req.udiag_states, states, true);
  view.setUint32(unix_diag_req.udiag_show, show, true);
  return request;
}

/** The size limit of one message of a kernel dump, in bytes. */
const MESSAGE_ROOM = 32 * 1024;

/**
 * Sends a request, such as a `unix_diag_req`, and passes each answer without its
 * header to `read`. Returns whether all answers were read: false where the kernel or
 * a sandbox does not report sockets, and if the only one does not exist.
 *
 * @param which all sockets that match, or the one that the request identifies
 */
export function readDiagnostics(
  request: Uint8Array<ArrayBuffer>,
  which: "one" | "all",
  read: (message: DataView) => void,
): boolean {
  const type = abi.SOCK_RAW | abi.SOCK_CLOEXEC;
  const fd = libc().socket(abi.AF_NETLINK, type, abi.NETLINK_SOCK_DIAG);
  if (fd === -1) return false;
  using socket = new Descriptor(fd);
  try {
    send(socket.fd, withHeader(request, which));
    const bytes = new Uint8Array(MESSAGE_ROOM);
    // The kernel produces each part of a dump during recv(2) (netlink(7)).
    while (true) {
      const length = receive(socket.fd, bytes);
      if (length <= 0) return false;
      const end = readMessages(bytes.subarray(0, length), read);
      if (end !== "more") return end === "done";
      if (which === "one") return true;
    }
  } catch (error) {
    if (error instanceof OsError) return false;
    throw error;
  }
}

function withHeader(
  request: Uint8Array<ArrayBuffer>,
  which: "one" | "all",
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(nlmsghdr.size + request.length);
  const view = viewOf(bytes);
  const flags = abi.NLM_F_REQUEST | (which === "all" ? abi.NLM_F_DUMP : 0);
  view.setUint32(nlmsghdr.nlmsg_len, bytes.length, true);
  view.setUint16(nlmsghdr.nlmsg_type, abi.SOCK_DIAG_BY_FAMILY, true);
  view.setUint16(nlmsghdr.nlmsg_flags, flags, true);
  bytes.set(request, nlmsghdr.size);
  return bytes;
}

/** Headers, messages and attributes begin at multiples of 4 bytes. */
function aligned(length: number): number {
  return (length + 3) & ~3;
}

/** Reads one part of the answers. */
function readMessages(
  bytes: Uint8Array<ArrayBuffer>,
  read: (message: DataView) => void,
): "more" | "done" | "failed" {
  const view = viewOf(bytes);
  for (let at = 0; at + nlmsghdr.size <= bytes.length;) {
    const length = view.getUint32(at + nlmsghdr.nlmsg_len, true);
    const type = view.getUint16(at + nlmsghdr.nlmsg_type, true);
    if (type === abi.NLMSG_DONE) return "done";
    if (
      type !== abi.SOCK_DIAG_BY_FAMILY || length < nlmsghdr.size ||
      at + length > bytes.length
    ) return "failed";
    read(viewOf(bytes.subarray(at + nlmsghdr.size, at + length)));
    at += aligned(length);
  }
  return "more";
}

/** The value of an attribute among those from `start` on. */
export function attributeOf(
  message: DataView,
  start: number,
  wanted: number,
): DataView | undefined {
  const { buffer, byteOffset, byteLength } = message;
  for (let at = start; at + rtattr.size <= byteLength;) {
    const length = message.getUint16(at + rtattr.rta_len, true);
    if (length < rtattr.size || at + length > byteLength) return undefined;
    if (message.getUint16(at + rtattr.rta_type, true) === wanted) {
      const data = at + rtattr.size;
      return new DataView(buffer, byteOffset + data, length - rtattr.size);
    }
    at += aligned(length);
  }
  return undefined;
}
