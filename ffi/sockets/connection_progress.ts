/**
 * The progress of this process's connections: which are accepted, and how many
 * bytes are read from them.
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { check, OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { viewOf } from "../libc/memory.ts";
import { openDescriptors } from "../processes/process.ts";
import { isListening } from "./socket.ts";
import { localAddress, type SocketAddress } from "./socket_address.ts";

/** Whether a connection was accepted from the listening socket at `listener`. */
function isFrom(fd: number, listener: SocketAddress): boolean {
  try {
    const address = localAddress(fd);
    if (isListening(fd)) return false;
    // On a wildcard address each connection has its own host.
    return address.family === "unix" || listener.family === "unix"
      ? address.family === listener.family && "path" in listener &&
        "path" in address && address.path === listener.path
      : address.port === listener.port;
  } catch (error) {
    // Not a socket, a socket of another family, or closed since it was listed.
    if (error instanceof OsError || error instanceof TypeError) return false;
    throw error;
  }
}

/** The descriptors of connections that were accepted at an address. */
export function connectionsAt(listener: SocketAddress): number[] {
  return openDescriptors().filter((fd) => isFrom(fd, listener));
}

/**
 * The number of bytes that this process has read from a TCP connection:
 * received (TCP_INFO) minus unread (FIONREAD).
 *
 * @throws {OsError} when it is not a TCP connection.
 */
export function bytesRead(fd: number): bigint {
  const layout = abi.layouts.tcp_info;
  const info = new Uint8Array(layout.size);
  const length = new Uint32Array([layout.size]);
  check(
    libc().getsockopt(
      fd,
      abi.IPPROTO_TCP,
      abi.TCP_INFO,
      info,
      new Uint8Array(length.buffer),
    ),
    "getsockopt",
    "TCP_INFO",
  );
  const waiting = new Int32Array(1);
  const bytes = new Uint8Array(waiting.buffer);
  check(libc().ioctl(fd, BigInt(abi.FIONREAD), bytes), "ioctl", "FIONREAD");
  const received = viewOf(info)
    .getBigUint64(layout.tcpi_bytes_received, true);
  return received - BigInt(waiting[0]!);
}
