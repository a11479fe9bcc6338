/**
 * What a holder does to the socket that it shares, and the daemon reverts without
 * another socket.
 *
 * @module
 */
import { abi } from "../../../ffi/libc/abi.ts";
import { check } from "../../../ffi/libc/errno.ts";
import { libc } from "../../../ffi/libc/libc.ts";
import { listenOn, tryConnect } from "../../../ffi/sockets/socket.ts";
import { localAddress } from "../../../ffi/sockets/socket_address.ts";
import type { Random } from "../bad_clients/malformed_requests.ts";
import type { Place } from "./places.ts";

/** Whether {@linkcode damage} knows the kind. */
export function canBeDamaged({ kind }: Place): boolean {
  return kind === "tcp" || kind === "udp";
}

/** Damages a TCP or UDP socket. */
export function damage({ kind }: Place, fd: number, random: Random): void {
  if (kind === "udp") tryConnect(fd, localAddress(fd));
  else if (random.below(2) === 0) listenOn(fd, 1);
  else check(libc().shutdown(fd, abi.SHUT_RDWR), "shutdown");
}
