/**
 * Which sockets are open at a port, in any process (sock_diag(7)).
 *
 * @module
 */
import { Descriptor } from "../files/descriptor.ts";
import { abi } from "../libc/abi.ts";
import { OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { viewOf } from "../libc/memory.ts";
import { receive, send } from "./socket.ts";

const { nlmsghdr, inet_diag_req_v2, inet_diag_msg } = abi.layouts;

/** The size limit of one message of a kernel dump, in bytes. */
const MESSAGE_ROOM = 32 * 1024;

/** Every state, and that of a listening socket. */
const ANY_STATE = 0xffffffff;
const LISTENING = 1 << abi.TCP_LISTEN;

/**
 * The inodes of the TCP sockets that listen on a port, or of the UDP sockets that are
 * bound to it, in this network namespace; `undefined` where the kernel or a sandbox
 * does not report them.
 */
export function openSocketsAt(
  kind: "tcp" | "udp",
  family: "ipv4" | "ipv6",
  port: number,
): ReadonlySet<string> | undefined {
  const type = abi.SOCK_RAW | abi.SOCK_CLOEXEC;
  const fd = libc().socket(abi.AF_NETLINK, type, abi.NETLINK_SOCK_DIAG);
  if (fd === -1) return undefined;
  using socket = new Descriptor(fd);
  const found = new Set<string>();
  try {
    send(socket.fd, dumpRequest(kind, family, port));
    const bytes = new Uint8Array(MESSAGE_ROOM);
    // The kernel produces each part of a dump during recv(2) (netlink(7)).
    while (true) {
      const length = receive(socket.fd, bytes);
      if (length <= 0) return undefined;
      const end = readMessages(bytes.subarray(0, length), found);
      if (end === "done") return found;
      if (end === "failed") return undefined;
    }
  } catch (error) {
    if (error instanceof OsError) return undefined;
    throw error;
  }
}

function dumpRequest(
  kind: "tcp" | "udp",
  family: "ipv4" | "ipv6",
  port: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(nlmsghdr.size + inet_diag_req_v2.size);
  const view = viewOf(bytes);
  const flags = abi.NLM_F_REQUEST | abi.NLM_F_DUMP;
  view.setUint32(nlmsghdr.nlmsg_len, bytes.length, true);
  view.setUint16(nlmsghdr.nlmsg_type, abi.SOCK_DIAG_BY_FAMILY, true);
  view.setUint16(nlmsghdr.nlmsg_flags, flags, true);
  const body = nlmsghdr.size;
  const { sdiag_family, sdiag_protocol, idiag_states, id } = inet_diag_req_v2;
  const { AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP } = abi;
  view.setUint8(body + sdiag_family, family === "ipv4" ? AF_INET : AF_INET6);
  view.setUint8(
    body + sdiag_protocol,
    kind === "tcp" ? IPPROTO_TCP : IPPROTO_UDP,
  );
  const states = kind === "tcp" ? LISTENING : ANY_STATE;
  view.setUint32(body + idiag_states, states, true);
  view.setUint16(body + id, port);
  return bytes;
}

/** Reads one part of the dump. */
function readMessages(
  bytes: Uint8Array<ArrayBuffer>,
  found: Set<string>,
): "more" | "done" | "failed" {
  const view = viewOf(bytes);
  for (let at = 0; at + nlmsghdr.size <= bytes.length;) {
    const length = view.getUint32(at + nlmsghdr.nlmsg_len, true);
    const type = view.getUint16(at + nlmsghdr.nlmsg_type, true);
    if (type === abi.NLMSG_DONE) return "done";
    const body = at + nlmsghdr.size;
    if (
      type !== abi.SOCK_DIAG_BY_FAMILY ||
      length < nlmsghdr.size + inet_diag_msg.size ||
      at + length > bytes.length
    ) return "failed";
    found.add(
      String(view.getUint32(body + inet_diag_msg.idiag_inode, true)),
    );
    // Messages begin at multiples of 4 bytes.
    at += (length + 3) & ~3;
  }
  return "more";
}
