/**
 * Socket addresses as bytes (sockaddr) and as text.
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { cString } from "../libc/c_string.ts";
import { check } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { viewOf } from "../libc/memory.ts";

const { sockaddr_in, sockaddr_in6, sockaddr_un } = abi.layouts;
// A name may begin with U+FEFF.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/** An IPv4 or IPv6 address with its port. */
export interface InternetAddress {
  /** `ipv4` is ip(7), `ipv6` is ipv6(7). */
  family: "ipv4" | "ipv6";
  /** The address in its canonical text form, without brackets. */
  host: string;
  /** 0 to 65535. */
  port: number;
  /** The interface index of a link-local IPv6 address; 0 means none. */
  scope?: number;
}

/** A name of unix(7): a path, or `@name` for the abstract namespace. */
export interface UnixAddress {
  /** unix(7). */
  family: "unix";
  /** Empty for a socket without a name. */
  path: string;
}

/** An address that a socket can be bound or connected to. */
export type SocketAddress = InternetAddress | UnixAddress;

/**
 * An address does not fit in a sockaddr: a path is longer than 107 bytes or
 * contains a NUL (unix(7)), or a host is not a numeric address.
 *
 * @example
 * ```ts no-eval
 * import { connect, SocketAddressError } from "jsr:@multibinder/client";
 *
 * try {
 *   using session = await connect({ sock: `/run/${"x".repeat(200)}` });
 * } catch (error) {
 *   if (error instanceof SocketAddressError) console.error(error.message);
 * }
 * ```
 */
export class SocketAddressError extends Error {
  /** `SocketAddressError`. */
  override readonly name = "SocketAddressError";
}

/** AF_INET, AF_INET6 or AF_UNIX. */
export function domainOf(family: SocketAddress["family"]): number {
  switch (family) {
    case "ipv4":
      return abi.AF_INET;
    case "ipv6":
      return abi.AF_INET6;
    case "unix":
      return abi.AF_UNIX;
  }
}

// inet_ntop(3): INET6_ADDRSTRLEN is 46.
const textBuffer = new Uint8Array(46);

function textOf(domain: number, bytes: Uint8Array<ArrayBuffer>): string {
  libc().inet_ntop(domain, bytes, textBuffer, textBuffer.length);
  return decoder.decode(textBuffer.subarray(0, textBuffer.indexOf(0)));
}

/**
 * The canonical form of a numeric address (inet_pton(3)), such as `::1` for
 * `0:0:0:0:0:0:0:1`; `undefined` for any other text.
 */
export function canonicalHost(
  text: string,
): { family: "ipv4" | "ipv6"; host: string } | undefined {
  if (text.includes("\0")) return undefined;
  const family = text.includes(":") ? "ipv6" : "ipv4";
  const domain = family === "ipv6" ? abi.AF_INET6 : abi.AF_INET;
  const bytes = new Uint8Array(family === "ipv6" ? 16 : 4);
  if (libc().inet_pton(domain, cString(text), bytes) !== 1) return undefined;
  return { family, host: textOf(domain, bytes) };
}

/**
 * The sockaddr of an address, with the length that bind(2) and connect(2) need.
 *
 * @throws {SocketAddressError} for a host that is not numeric or a path that
 * does not fit into `sun_path` (108 bytes with its NUL).
 */
export function encodeSocketAddress(
  address: SocketAddress,
): Uint8Array<ArrayBuffer> {
  if (address.family === "unix") return encodeUnix(address.path);
  const layout = address.family === "ipv4" ? sockaddr_in : sockaddr_in6;
  const bytes = new Uint8Array(layout.size);
  const view = viewOf(bytes);
  view.setUint16(0, domainOf(address.family), true);
  view.setUint16(2, address.port, false);
  const at = address.family === "ipv4"
    ? sockaddr_in.sin_addr
    : sockaddr_in6.sin6_addr;
  const host = bytes.subarray(at, at + (address.family === "ipv4" ? 4 : 16));
  if (
    address.host.includes("\0") ||
    libc().inet_pton(domainOf(address.family), cString(address.host), host) !==
      1
  ) {
    throw new SocketAddressError(
      `${JSON.stringify(address.host)} is not an ${address.family} address`,
    );
  }
  if (address.family === "ipv6") {
    view.setUint32(sockaddr_in6.sin6_scope_id, address.scope ?? 0, true);
  }
  return bytes;
}

function encodeUnix(path: string): Uint8Array<ArrayBuffer> {
  const abstract = path.startsWith("@");
  const name = encoder.encode(abstract ? "\0" + path.slice(1) : path);
  const room = sockaddr_un.size - sockaddr_un.sun_path;
  if (name.length + (abstract ? 0 : 1) > room) {
    throw new SocketAddressError(
      `the socket path ${path} is ${name.length} bytes long; unix(7) allows ${
        abstract ? room : room - 1
      }`,
    );
  }
  if (!abstract && path.includes("\0")) {
    throw new SocketAddressError(
      `the socket path ${JSON.stringify(path)} contains a NUL character`,
    );
  }
  const length = sockaddr_un.sun_path + name.length + (abstract ? 0 : 1);
  const bytes = new Uint8Array(length);
  viewOf(bytes).setUint16(sockaddr_un.sun_family, abi.AF_UNIX, true);
  bytes.set(name, sockaddr_un.sun_path);
  return bytes;
}

/** Reads a sockaddr; `undefined` for an unsupported family. */
export function decodeSocketAddress(
  bytes: Uint8Array<ArrayBuffer>,
): SocketAddress | undefined {
  if (bytes.length < 2) return undefined;
  const view = viewOf(bytes);
  switch (view.getUint16(0, true)) {
    case abi.AF_INET: {
      const at = sockaddr_in.sin_addr;
      return {
        family: "ipv4",
        host: textOf(abi.AF_INET, bytes.slice(at, at + 4)),
        port: view.getUint16(sockaddr_in.sin_port, false),
      };
    }
    case abi.AF_INET6: {
      const at = sockaddr_in6.sin6_addr;
      return {
        family: "ipv6",
        host: textOf(abi.AF_INET6, bytes.slice(at, at + 16)),
        port: view.getUint16(sockaddr_in6.sin6_port, false),
        scope: view.getUint32(sockaddr_in6.sin6_scope_id, true),
      };
    }
    case abi.AF_UNIX: {
      const name = bytes.subarray(sockaddr_un.sun_path);
      if (name.length === 0) return { family: "unix", path: "" };
      if (name[0] === 0) {
        return { family: "unix", path: "@" + decoder.decode(name.subarray(1)) };
      }
      const end = name.indexOf(0);
      return {
        family: "unix",
        path: decoder.decode(end === -1 ? name : name.subarray(0, end)),
      };
    }
    default:
      return undefined;
  }
}

/** The address without its port. */
export function hostBytes(address: InternetAddress): Uint8Array<ArrayBuffer> {
  const bytes = encodeSocketAddress(address);
  const { sin_addr } = sockaddr_in;
  const { sin6_addr } = sockaddr_in6;
  return address.family === "ipv4"
    ? bytes.slice(sin_addr, sin_addr + 4)
    : bytes.slice(sin6_addr, sin6_addr + 16);
}

const nameBuffer = new Uint8Array(128);
const nameLength = new Uint32Array(1);
const nameLengthBytes = new Uint8Array(nameLength.buffer);

/**
 * The address that a socket is bound to (getsockname(2)).
 *
 * @throws {OsError} when `fd` is not a socket.
 */
export function localAddress(fd: number): SocketAddress {
  return addressFrom("getsockname", fd);
}

/**
 * The address that a socket is connected to (getpeername(2)).
 *
 * @throws {OsError} ENOTCONN.
 */
export function peerAddress(fd: number): SocketAddress {
  return addressFrom("getpeername", fd);
}

function addressFrom(
  call: "getsockname" | "getpeername",
  fd: number,
): SocketAddress {
  nameLength[0] = nameBuffer.length;
  check(libc()[call](fd, nameBuffer, nameLengthBytes), call);
  const address = decodeSocketAddress(nameBuffer.slice(0, nameLength[0]));
  if (address === undefined) {
    throw new TypeError(`descriptor ${fd} is neither an IP nor a UNIX socket`);
  }
  return address;
}

/** The address as text: `127.0.0.1:80`, `[::1]:80` or a path. */
export function formatSocketAddress(address: SocketAddress): string {
  if (address.family === "unix") return address.path;
  const host = address.family === "ipv6" ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}
