import type { SocketAddress } from "../ffi/socket_address.ts";

/** A socket address as Deno writes it. */
export function denoAddr(address: SocketAddress): Deno.Addr {
  if (address.family === "unix") {
    return { transport: "unix", path: address.path };
  }
  return { transport: "tcp", hostname: address.host, port: address.port };
}
