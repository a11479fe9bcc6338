/**
 * Tries whether Deno can accept from shared sockets, before the daemon is asked
 * for one: if Deno cannot, the address has to stay free for the program.
 *
 * @module
 */
import { openOnSocket, type Place } from "../../ffi/sockets/adopt.ts";
import {
  bindSocket,
  listenOn,
  streamSocket,
} from "../../ffi/sockets/socket.ts";
import type { SocketAddress } from "../../ffi/sockets/socket_address.ts";

const ADDRESSES: Readonly<Record<"tcp" | "unix", SocketAddress>> = {
  tcp: { family: "ipv4", host: "127.0.0.1", port: 0 },
  unix: { family: "unix", path: `@multibinder-${crypto.randomUUID()}` },
};

const rehearsed = new Set<string>();

/**
 * Opens a listener on a socket of this transport and closes it.
 *
 * @throws {AdoptionError} when Deno cannot accept from such a socket.
 */
export function rehearseAdoption(transport: "tcp" | "unix"): void {
  if (rehearsed.has(transport)) return;
  const address = ADDRESSES[transport];
  using socket = streamSocket(address, { nonblocking: true });
  bindSocket(socket.fd, address);
  listenOn(socket.fd, 0);
  openOnSocket(socket.fd, open, (listener) => listener.close()).opened.close();
  rehearsed.add(transport);
}

function open(place: Place): Deno.Listener | Deno.UnixListener {
  return place.transport === "unix" ? Deno.listen(place) : Deno.listen(place);
}
