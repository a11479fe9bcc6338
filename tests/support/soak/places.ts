/**
 * The addresses of a soak, of every kind and family. Most are used by one actor
 * only, which therefore knows the expected answers.
 *
 * @module
 */
import type { Kind, PathKind } from "../../../address.ts";
import type { SocketAddress } from "../../../ffi/sockets/socket_address.ts";
import type { BindDescription, BindParams } from "../../../protocol.ts";

/** Policies deny a whole zone. */
export const ZONES = ["plain", "red", "blue"] as const;

/** A part of all places. */
export type Zone = typeof ZONES[number];

/** One address. */
export interface Place {
  /** Identifies it in a list; see {@linkcode keyOf}. */
  readonly key: string;
  readonly kind: Kind;
  /** Zones: a policy that denies one of them denies the place. */
  readonly zones: readonly Zone[];
  /** The address in a list. */
  readonly listed: string;
  readonly v6only?: boolean;
  readonly device?: string;
  /** Spellings of its params. */
  readonly spellings: readonly BindParams[];
  /** The address of the socket; port 0 is any port. */
  readonly bound: SocketAddress;
  /** Whether a bind fails while another socket has the address. */
  readonly exclusive: boolean;
}

/** The key of a held socket and of its place. */
export function keyOf(
  { address, options: { v6only, device } }: Pick<
    BindDescription,
    "address" | "options"
  >,
): string {
  return `${address} ${v6only ?? "-"} ${device ?? "-"}`;
}

/** Whether a place is a file. */
export function fileOf({ bound }: Place): string | undefined {
  if (bound.family !== "unix" || bound.path.startsWith("@")) return undefined;
  return bound.path;
}

interface Host {
  kind: "tcp" | "udp";
  host: string;
  port?: number;
  zones: readonly Zone[];
  v6only?: boolean;
  device?: string;
  /** Other names of the host. */
  also?: readonly string[];
}

/** A place with a host and a port, by default 0. */
function internet(
  { kind, host, port = 0, zones, v6only, device, also = [] }: Host,
): Place {
  const six = host.includes(":");
  const isDual = host === "::" && v6only === false;
  const name = isDual ? "" : six ? `[${host}]` : host;
  const listed = `${kind === "udp" ? "udp://" : ""}${name}:${port}`;
  const optional = {
    ...(six && { v6only: v6only ?? true }),
    ...(device !== undefined && { device }),
  };
  const params = { kind, port, ...optional };
  return {
    key: keyOf({ address: listed, options: optional }),
    kind,
    zones,
    listed,
    ...optional,
    spellings: [host, ...also].map((address) => ({ ...params, address })),
    bound: { family: six ? "ipv6" : "ipv4", host, port },
    exclusive: port !== 0,
  };
}

/** A place at a path, or with an abstract name. */
function named(
  kind: PathKind,
  path: string,
  zone: Zone,
  also: readonly string[] = [],
): Place {
  const listed = `${kind}:${path}`;
  return {
    key: keyOf({ address: listed, options: {} }),
    kind,
    zones: [zone],
    listed,
    spellings: [path, ...also].map((path) => ({ kind, path })),
    bound: { family: "unix", path },
    // A release removes the file even if other processes hold the socket.
    exclusive: path.startsWith("@"),
  };
}

const PATH_KINDS: readonly PathKind[] = ["unix", "seqpacket", "unixgram"];

/** Below the ports that the kernel chooses from (ip(7)). */
const FIXED_PORT = 20_000;

/** All places of a run, in a directory and networks of its own. */
export class Territory {
  readonly #octets = new Map<Zone, number>();
  readonly #third: number;
  /** Before abstract names, which all programs share. */
  readonly #prefix: string;

  /**
   * `directory` is a path without links that has a directory for each zone.
   */
  constructor(readonly directory: string) {
    const [first, third] = crypto.getRandomValues(new Uint8Array(2));
    for (const [at, zone] of ZONES.entries()) {
      this.#octets.set(zone, 1 + (first! % 80) * 3 + at);
    }
    this.#third = third!;
    this.#prefix = `@${directory.slice(1).replaceAll("/", "-")}`;
  }

  /** The addresses of a zone, for a policy. */
  patternsOf(zone: Zone): string[] {
    const network = `127.${this.#octets.get(zone)}.0.0/16:*`;
    return [
      network,
      `udp://${network}`,
      ...PATH_KINDS.flatMap((kind) => [
        `${kind}:${this.directory}/${zone}/**`,
        `${kind}:${this.#prefix}-${zone}-*`,
      ]),
    ];
  }

  #host(zone: Zone, last: number): string {
    return `127.${this.#octets.get(zone)}.${this.#third}.${last}`;
  }

  #abstract(zone: Zone, name: string): string {
    return `${this.#prefix}-${zone}-${name}`;
  }

  /** Places that only one actor uses. */
  ownedBy(actor: number): Place[] {
    return ZONES.flatMap((zone) => {
      const host = this.#host(zone, 1 + actor);
      const directory = `${this.directory}/${zone}`;
      return [
        ...(["tcp", "udp"] as const).flatMap((kind) => [
          internet({ kind, host, zones: [zone] }),
          internet({ kind, host, zones: [zone], port: FIXED_PORT }),
          internet({
            kind,
            host: `::ffff:${host}`,
            zones: [zone],
            port: FIXED_PORT + 1,
            v6only: false,
          }),
        ]),
        ...PATH_KINDS.flatMap((kind) => {
          const name = `${kind}-${actor}`;
          return [
            named(kind, `${directory}/${name}`, zone, [
              `${directory}/./${name}`,
              `${this.directory}//${zone}/${name}`,
            ]),
            named(kind, this.#abstract(zone, name), zone),
          ];
        }),
      ];
    });
  }

  /** Places of one actor whose answers it ignores. */
  ventured(actor: number): Place[] {
    return (["plain", "red"] as const).flatMap((zone) => {
      const host = this.#host(zone, 101 + actor);
      const directory = `${this.directory}/${zone}`;
      return [
        internet({ kind: "tcp", host, zones: [zone] }),
        internet({ kind: "udp", host, zones: [zone] }),
        named("unix", `${directory}/wild-${actor}`, zone),
        named("unixgram", `${directory}/wild-gram-${actor}`, zone),
        named("seqpacket", this.#abstract(zone, `wild-${actor}`), zone),
      ];
    });
  }

  /** Places that every actor binds and that are released only when idle. */
  shared(): Place[] {
    const zones: readonly Zone[] = ["plain"];
    // A deny rule for one address denies wildcard addresses too.
    const every: readonly Zone[] = ["red", "blue"];
    return [
      ...(["tcp", "udp"] as const).flatMap((kind) => [
        internet({ kind, host: "127.0.0.1", zones, also: ["localhost"] }),
        internet({ kind, host: "127.0.0.1", zones, device: "lo" }),
        internet({ kind, host: "::1", zones, also: ["0:0:0:0:0:0:0:1"] }),
        internet({ kind, host: "::1", zones, v6only: false }),
        internet({ kind, host: "0.0.0.0", zones: every }),
        internet({ kind, host: "::", zones }),
        internet({ kind, host: "::", zones: every, v6only: false }),
      ]),
      named("unix", `${this.directory}/plain/shared`, "plain"),
      named("seqpacket", this.#abstract("plain", "shared"), "plain"),
    ];
  }

  /** Places that another program holds during the whole run. */
  taken(): Place[] {
    const zones: readonly Zone[] = ["plain"];
    const host = this.#host("plain", 254);
    return [
      internet({ kind: "tcp", host, zones, port: FIXED_PORT }),
      internet({ kind: "udp", host, zones, port: FIXED_PORT }),
      named("unix", `${this.directory}/plain/taken`, "plain"),
      named("seqpacket", `${this.directory}/plain/taken-packets`, "plain"),
      named("unixgram", this.#abstract("plain", "taken"), "plain"),
    ];
  }
}
