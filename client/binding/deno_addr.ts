import type { ServingKind } from "../../ffi/sockets/socket.ts";
import type { SocketAddress } from "../../ffi/sockets/socket_address.ts";

/**
 * A socket address as Deno writes it. `unixpacket` is what Deno calls a
 * datagram socket of unix(7); it has no word for seqpacket, which has
 * connections as `unix` has.
 */
export function denoAddr(
  address: SocketAddress,
  kind: ServingKind = address.family === "unix" ? "unix" : "tcp",
): Deno.Addr {
  if (address.family === "unix") {
    const transport = kind === "unixgram" ? "unixpacket" : "unix";
    return { transport, path: address.path };
  }
  const transport = kind === "udp" ? "udp" : "tcp";
  return { transport, hostname: address.host, port: address.port };
}
