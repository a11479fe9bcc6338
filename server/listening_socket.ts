import { formatAddress, type HostAddress } from "../address.ts";
import { abi } from "../ffi/abi.ts";
import type { Descriptor } from "../ffi/descriptor.ts";
import {
  bindSocket,
  listenOn,
  setOption,
  streamSocket,
} from "../ffi/socket.ts";
import { canonicalHost, type InternetAddress } from "../ffi/socket_address.ts";

/**
 * A bound, listening, blocking TCP socket. SO_REUSEADDR (socket(7)) lets a
 * port be bound again while connections of its last holder are in TIME_WAIT.
 *
 * @throws {OsError} EADDRINUSE, EACCES, EADDRNOTAVAIL, ... or EMFILE.
 */
export function listeningSocket(
  target: InternetAddress,
  v6only: boolean,
  backlog: number,
): Descriptor {
  const socket = streamSocket(target);
  try {
    setOption(socket.fd, abi.SOL_SOCKET, abi.SO_REUSEADDR, 1, "SO_REUSEADDR");
    if (target.family === "ipv6") {
      const value = v6only ? 1 : 0;
      setOption(
        socket.fd,
        abi.IPPROTO_IPV6,
        abi.IPV6_V6ONLY,
        value,
        "IPV6_V6ONLY",
      );
    }
    bindSocket(socket.fd, target);
    listenOn(socket.fd, backlog);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** The numeric address that bind(2) takes; throws a TypeError for a name. */
export function numericTarget(address: HostAddress): InternetAddress {
  const numeric = canonicalHost(address.host);
  if (numeric === undefined) {
    throw new TypeError(`${formatAddress(address)} is not numeric`);
  }
  return { ...numeric, port: address.port };
}
