/**
 * Which sockets are open at a port, in any process (sock_diag(7)).
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { viewOf } from "../libc/memory.ts";
import { readDiagnostics } from "./sock_diag.ts";

const { inet_diag_req_v2, inet_diag_msg } = abi.layouts;

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
  const request = new Uint8Array(inet_diag_req_v2.size);
  const view = viewOf(request);
  const { sdiag_family, sdiag_protocol, idiag_states, id } = inet_diag_req_v2;
  const { AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP } = abi;
  view.setUint8(sdiag_family, family === "ipv4" ? AF_INET : AF_INET6);
  view.setUint8(sdiag_protocol, kind === "tcp" ? IPPROTO_TCP : IPPROTO_UDP);
  const states = kind === "tcp" ? LISTENING : ANY_STATE;
  view.setUint32(idiag_states, states, true);
  view.setUint16(id, port);
  const found = new Set<string>();
  const isComplete = readDiagnostics(request, "all", (message) => {
    if (message.byteLength < inet_diag_msg.size) return;
    found.add(String(message.getUint32(inet_diag_msg.idiag_inode, true)));
  });
  return isComplete ? found : undefined;
}
