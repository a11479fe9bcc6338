import type { ServingKind } from "../../ffi/sockets/socket.ts";
import type { SocketAddress } from "../../ffi/sockets/socket_address.ts";

/**
 * Converts a socket address to a `Deno.Addr`. Deno calls a datagram socket of
 * unix(7) `unixpacket`. It has no name for seqpacket, which becomes `unix`.
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
