/**
 * The grammar of socket addresses.
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
  /** The network interface it is bound to. Default: all. */
  device?: string;
  /**
   * Which socket of a group that shares the address with SO_REUSEPORT. Default: 0,
   * the socket that the address has without a group.
   */
  shard?: number;
}

/** A path, or `@name` in the abstract namespace. */
export interface PathAddress {
  /** `unix`, `seqpacket` or `unixgram`. */
  kind: PathKind;
  /** The path as given, or `@name`. */
  path: string;
}

/** The address of a socket. */
export type Address = HostAddress | PathAddress;

/**
 * An address, host or port is invalid. The message says what is expected.
 *
 * @example
 * ```ts
 * import { AddressError, parseAddress } from "jsr:@multibinder/client";
 *
 * try {
 *   parseAddress("127.0.0.1");
 * } catch (error) {
 *   if (error instanceof AddressError) console.error(error.message);
 *   // invalid address "127.0.0.1": expected 127.0.0.1:8000, ...
 * }
 * ```
 */
export class AddressError extends Error {
  /** `AddressError`. */
  override readonly name = "AddressError";
}

/** Whether the address has a host and a port. */
export function hasHost(address: Address): address is HostAddress {
  return address.kind === "tcp" || address.kind === "udp";
}

const PATH = /^(unix|seqpacket|unixgram):(.+)$/s;
const HOST =
  /^(?:(tcp|udp):\/\/)?(?:\[([^[\]/]*:[^[\]/]*)\]|([^:[\]/]*)):(\d{1,5})$/;
const EXAMPLES =
  "expected 127.0.0.1:8000, [::1]:8000, name:8000, :8000, tcp://..., udp://..., unix:/path, seqpacket:/path, unixgram:/path or unix:@name";

/** The address that was probably meant: `:8000` for `8000`. */
function nearAddress(text: string): string | undefined {
  if (text.startsWith("/")) return `unix:${text}`;
  if (/^\d{1,5}$/.test(text)) return `:${text}`;
  const [, scheme = "", rest = ""] =
    /^(?:(https?|tcp|udp):)?\/{0,2}(.*?)\/?$/s.exec(text) ?? [];
  // An IPv6 address without brackets.
  const place = rest.replace(/^([\da-f:]*:[\da-f:]*):(\d{1,5})$/i, "[$1]:$2");
  const near = scheme === "udp" ? `udp://${place}` : place;
  return HOST.test(near) ? near : undefined;
}

/**
 * Parse an address.
 *
 * @throws {AddressError} for an invalid address.
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
    const meant = nearAddress(text);
    const remedy = meant === undefined ? EXAMPLES : `did you mean ${meant}?`;
    throw new AddressError(
      `invalid address ${JSON.stringify(text)}: ${remedy}`,
    );
  }
  const kind = (parts[1] ?? "tcp") as InternetKind;
  return hostAddress(kind, parts[2] ?? parts[3]!, Number(parts[4]));
}

/**
 * The address of a host and a port; an empty host means every IPv4 and IPv6
 * address.
 *
 * @throws {AddressError} if the port is not 0 to 65535.
 */
export function hostAddress(
  kind: InternetKind,
  host: string,
  port: number,
): HostAddress {
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new AddressError(`invalid port ${port}: expected 0 to 65535`);
  }
  return host === ""
    ? { kind, host: "::", port, v6only: false }
    : { kind, host, port, v6only: true };
}

/**
 * Format an address for {@linkcode parseAddress}, without `tcp://` unless the
 * host would be read as another kind.
 */
export function formatAddress(address: Address): string {
  if (!hasHost(address)) return `${address.kind}:${address.path}`;
  const { kind, host } = address;
  const prefix = kind === "udp" || isPathKind(host) ? `${kind}://` : "";
  return `${prefix}${bracketed(address)}:${address.port}`;
}

/** A host may be named like the prefix of a path. */
function isPathKind(host: string): boolean {
  return host === "unix" || host === "seqpacket" || host === "unixgram";
}

function bracketed({ host, v6only }: HostAddress): string {
  if (host === "::" && !v6only) return "";
  return host.includes(":") ? `[${host}]` : host;
}

/**
 * The key that identifies a socket: kind, canonical address, port, interface,
 * shard and, for IPv6, whether IPv4 is refused. Host names are not resolved.
 */
export function identityOf(address: Address): string {
  if (!hasHost(address)) return canonicalIdentity(address);
  const numeric = canonicalHost(address.host);
  const host = numeric?.host ?? address.host.toLowerCase();
  return canonicalIdentity({ ...address, host });
}

/** Same as {@linkcode identityOf}, for an address with a canonical host. */
export function canonicalIdentity(address: Address): string {
  if (!hasHost(address)) return `${address.kind}:${address.path}`;
  const { kind, host, port, v6only, device, shard } = address;
  const identity = host.includes(":")
    ? `${kind}://[${host}]:${port}${v6only ? "" : "+ipv4"}`
    : `${kind}://${host}:${port}`;
  const place = device === undefined ? identity : `${identity}%${device}`;
  return shard ? `${place}#${shard}` : place;
}
