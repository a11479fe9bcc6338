/**
 * The addresses that programs listen on, and the names of their sockets.
 *
 * @module
 */
import { resolve } from "node:path";
import { formatAddress, hostAddress } from "../../address.ts";
import { isTemporaryPath } from "../../ffi/sockets/adopt.ts";
import { canonicalHost } from "../../ffi/sockets/socket_address.ts";

/** An address as Deno and Node write it: an abstract path begins with a NUL. */
export type ListenAddress = { host: string; port: number } | { path: string };

/**
 * The address that these options select; `undefined` if it cannot be shared. Port
 * 0 is another port each time, and the client library itself listens on it and
 * on temporary paths.
 */
export function listenAddress(
  host: unknown,
  port: unknown,
  path: unknown,
): ListenAddress | undefined {
  if (typeof path === "string") {
    return path === "" || isTemporaryPath(path) ? undefined : { path };
  }
  const number = Number(port);
  if (typeof host !== "string" || !Number.isInteger(number)) return undefined;
  return number > 0 && number <= 65535 ? { host, port: number } : undefined;
}

/** The address for people and for the daemon. */
export function shown(address: ListenAddress): string {
  if ("path" in address) return `unix:${address.path.replace("\0", "@")}`;
  // A wildcard socket of IPv6 is asked to accept IPv4, too: `:PORT`.
  const host = address.host === "::" ? "" : address.host;
  return formatAddress(hostAddress("tcp", host, address.port));
}

/** The addresses of sockets that serve `address`, the preferred one first. */
export function socketAddresses(address: ListenAddress): ListenAddress[] {
  if ("path" in address) {
    const { path } = address;
    const isAbstract = path.startsWith("\0");
    return [{ path: isAbstract ? `@${path.slice(1)}` : resolve(path) }];
  }
  const { port } = address;
  const host = address.host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  const canonical = canonicalHost(host)?.host ?? host;
  return hostsFor(canonical).map((each) => ({ host: each, port }));
}

/** 0.0.0.0 is the default of Deno and :: that of Node: each serves the other. */
function hostsFor(host: string): string[] {
  switch (host) {
    case "0.0.0.0":
      return ["0.0.0.0", "::"];
    case "":
    case "::":
      return ["::", "0.0.0.0"];
    case "localhost":
      return ["127.0.0.1", "::1"];
    default:
      return [host];
  }
}
