/**
 * Addresses of every kind and family.
 *
 * @module
 */
import type { Kind } from "../../../address.ts";
import type { BindParams } from "../../../protocol.ts";
import type { Scratch } from "../tree.ts";

/** Every kind of socket. */
export const KINDS: readonly Kind[] = [
  "tcp",
  "udp",
  "unix",
  "seqpacket",
  "unixgram",
];

/** The kinds that have a path. */
export const PATH_KINDS = ["unix", "seqpacket", "unixgram"] as const;

/** An address for one socket. */
export interface Place {
  /** Such as `udp over IPv6`. */
  name: string;
  kind: Kind;
  family: "ipv4" | "ipv6" | "path" | "abstract";
  /** The params of `bind`; `name` makes a path or an abstract name unique. */
  params(scratch: Pick<Scratch, "join">, name: string): BindParams;
}

function internet(
  kind: "tcp" | "udp",
  name: string,
  family: "ipv4" | "ipv6",
  more: BindParams,
): Place {
  return {
    name: `${kind} over ${name}`,
    kind,
    family,
    params: () => ({ kind, port: 0, ...more }),
  };
}

/** One address of each kind and family. */
export const PLACES: readonly Place[] = [
  ...(["tcp", "udp"] as const).flatMap((kind) => [
    internet(kind, "IPv4", "ipv4", { address: "127.0.0.1" }),
    internet(kind, "IPv6", "ipv6", { address: "::1" }),
    internet(kind, "both", "ipv6", { address: "::", v6only: false }),
  ]),
  ...PATH_KINDS.flatMap((kind): Place[] => [
    {
      name: `${kind} at a path`,
      kind,
      family: "path",
      params: (scratch, name) => ({ kind, path: scratch.join(name) }),
    },
    {
      name: `${kind} by an abstract name`,
      kind,
      family: "abstract",
      params: (scratch, name) => ({ kind, path: `@${scratch.join(name)}` }),
    },
  ]),
];
