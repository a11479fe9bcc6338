/**
 * How far connections of this process are: accepted, and has anything been
 * read from them yet?
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
    // No socket, a socket of another family, or closed since it was listed.
    if (error instanceof OsError || error instanceof TypeError) return false;
    throw error;
  }
}

/** This process's connections that came in at an address. */
export function connectionsAt(listener: SocketAddress): number[] {
  return openDescriptors().filter((fd) => isFrom(fd, listener));
}

/**
 * How many bytes of a TCP connection this process has read: what came
 * (TCP_INFO) without what still waits (FIONREAD).
 *
 * @throws {OsError} when it is no TCP connection.
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
