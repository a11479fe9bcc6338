/**
 * One grammar for the addresses that a socket is bound to.
 *
 * ```text
 * 127.0.0.1:8000   [::1]:8000   localhost:8000   :8000 (every IPv4 and IPv6 address)
 * tcp://HOST:PORT  udp://HOST:PORT  unix:/path  unix:@abstract  seqpacket:/path  unixgram:/path
 * ```
 *
 * @module
 */
import { canonicalHost } from "./ffi/sockets/socket_address.ts";

/** Kinds of socket with a host and a port. */
export type InternetKind = "tcp" | "udp";

/** Kinds of socket with a path: stream, seqpacket and datagram of unix(7). */
export type PathKind = "unix" | "seqpacket" | "unixgram";

/** Every kind of socket. */
export type Kind = InternetKind | PathKind;

/** A host and a port. */
export interface HostAddress {
  /** `tcp` or `udp`. */
  kind: InternetKind;
  /** A numeric address without brackets, or a name. */
  host: string;
  /** 0 to 65535; 0 lets the kernel choose. */
  port: number;
  /** Whether an IPv6 socket refuses IPv4. Default: true. */
  v6only: boolean;
  /** The network interface it is bound to. Default: all of them. */
  device?: string;
}

/** A path, or `@name` in the abstract namespace. */
export interface PathAddress {
  /** `unix`, `seqpacket` or `unixgram`. */
  kind: PathKind;
  /** The path as given, or `@name`. */
  path: string;
}

/** What a socket is bound to. */
export type Address = HostAddress | PathAddress;

/** A text that is no address. */
export class AddressError extends Error {
  /** `AddressError`. */
  override readonly name = "AddressError";
}

/** Whether the address is a host and a port. */
export function hasHost(address: Address): address is HostAddress {
  return address.kind === "tcp" || address.kind === "udp";
}

const PATH = /^(unix|seqpacket|unixgram):(.+)$/s;
const HOST =
  /^(?:(tcp|udp):\/\/)?(?:\[([^[\]/]*:[^[\]/]*)\]|([^:[\]/]*)):(\d{1,5})$/;
const EXAMPLES =
  "write 127.0.0.1:8000, [::1]:8000, name:8000, :8000, tcp://..., udp://..., unix:/path, seqpacket:/path, unixgram:/path or unix:@name";

/**
 * Reads an address.
 *
 * @throws {AddressError} for a text that is none.
 *
 * @example
 * ```ts
 * import { parseAddress } from "jsr:@multibinder/client";
 *
 * parseAddress("[::1]:80"); // { kind: "tcp", host: "::1", port: 80, v6only: true }
 * parseAddress("unix:/run/web.sock"); // { kind: "unix", path: "/run/web.sock" }
 * ```
 */
export function parseAddress(text: string): Address {
  const path = PATH.exec(text);
  if (path !== null) return { kind: path[1] as PathKind, path: path[2]! };
  const parts = HOST.exec(text);
  if (parts === null) {
    throw new AddressError(
      `${JSON.stringify(text)} is no address: ${EXAMPLES}`,
    );
  }
  const kind = (parts[1] ?? "tcp") as InternetKind;
  return hostAddress(kind, parts[2] ?? parts[3]!, Number(parts[4]));
}

/**
 * A host and a port; no host at all is every IPv4 and IPv6 address.
 *
 * @throws {AddressError} for a port that is not 0 to 65535.
 */
export function hostAddress(
  kind: InternetKind,
  host: string,
  port: number,
): HostAddress {
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new AddressError(`${port} is no port: 0 to 65535`);
  }
  return host === ""
    ? { kind, host: "::", port, v6only: false }
    : { kind, host, port, v6only: true };
}

/**
 * The address as {@linkcode parseAddress} reads it; `tcp://` is left out where
 * nothing else could be meant.
 */
export function formatAddress(address: Address): string {
  if (!hasHost(address)) return `${address.kind}:${address.path}`;
  const { kind, host } = address;
  const prefix = kind === "udp" || isPathKind(host) ? `${kind}://` : "";
  return `${prefix}${bracketed(address)}:${address.port}`;
}

/** A machine may be called what a path begins with. */
function isPathKind(host: string): boolean {
  return host === "unix" || host === "seqpacket" || host === "unixgram";
}

function bracketed({ host, v6only }: HostAddress): string {
  if (host === "::" && !v6only) return "";
  return host.includes(":") ? `[${host}]` : host;
}

/**
 * What two requests for the same socket have in common: kind, canonical
 * address, port, interface and, for IPv6, whether IPv4 is refused. A name stays
 * a name: it has to be resolved first.
 */
export function identityOf(address: Address): string {
  if (!hasHost(address)) return canonicalIdentity(address);
  const numeric = canonicalHost(address.host);
  const host = numeric?.host ?? address.host.toLowerCase();
  return canonicalIdentity({ ...address, host });
}

/** {@linkcode identityOf} an address whose host is canonical already. */
export function canonicalIdentity(address: Address): string {
  if (!hasHost(address)) return `${address.kind}:${address.path}`;
  const { kind, host, port, v6only, device } = address;
  const identity = host.includes(":")
    ? `${kind}://[${host}]:${port}${v6only ? "" : "+ipv4"}`
    : `${kind}://${host}:${port}`;
  return device === undefined ? identity : `${identity}%${device}`;
}
