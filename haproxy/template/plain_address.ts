import { type Address, hasHost } from "../../address.ts";
import type { SocketOptions } from "../../client/session/options.ts";

/**
 * An address in the syntax of HAProxy's `bind` and `dgram-bind`
 * (configuration.txt, section 4.2), for use without a daemon. Without an option
 * of the template, the system decides whether an IPv6 socket accepts IPv4 too.
 */
export function plainAddress(address: Address, options: SocketOptions): string {
  if (!hasHost(address)) return address.path.replace(/^@/, "abns@");
  const { kind, host, port } = address;
  const prefix = kind === "udp" ? "udp@" : "";
  const v6only = options.v6only ?? (address.v6only ? undefined : false);
  const suffix = v6only === undefined ? "" : v6only ? " v6only" : " v4v6";
  return host.includes(":")
    ? `${prefix}[${host}]:${port}${suffix}`
    : `${prefix}${host}:${port}`;
}
