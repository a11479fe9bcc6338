/**
 * Listening sockets without a daemon.
 *
 * @module
 */
import { Binding } from "../../../client.ts";
import {
  bindSocket,
  listenOn,
  streamSocket,
} from "../../../ffi/sockets/socket.ts";
import type { SocketAddress } from "../../../ffi/sockets/socket_address.ts";

const BACKLOG = 100;

/** A listening socket at an address, as a Binding. */
export function listening(address: SocketAddress): Binding {
  using socket = streamSocket(address);
  bindSocket(socket.fd, address);
  listenOn(socket.fd, BACKLOG);
  const binding = Binding.from(socket.fd);
  socket.release();
  return binding;
}

/** A listening TCP socket at a free port. */
export function listeningTcp(host = "127.0.0.1"): Binding {
  const family = host.includes(":") ? "ipv6" : "ipv4";
  return listening({ family, host, port: 0 });
}

/** A listening UNIX socket at a path. */
export function listeningUnix(path: string): Binding {
  return listening({ family: "unix", path });
}

/** Connects to a socket. */
export function connectTo({ addr }: Binding): Promise<Deno.Conn> {
  if (addr.transport === "unix") {
    return Deno.connect({ transport: "unix", path: addr.path });
  }
  const { hostname, port } = addr as Deno.NetAddr;
  return Deno.connect({ hostname, port });
}

/** The URL of a TCP socket. */
export function urlOf({ addr }: Binding, scheme = "http"): string {
  const { hostname, port } = addr as Deno.NetAddr;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return `${scheme}://${host}:${port}/`;
}
