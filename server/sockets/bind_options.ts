/**
 * The options of `bind`: which kind of socket takes them, what they may be,
 * and how the kernel is told.
 *
 * @module
 */
import type { Kind } from "../../address.ts";
import { abi } from "../../ffi/libc/abi.ts";
import { setOption } from "../../ffi/sockets/socket.ts";
import type { WireOptions } from "../../protocol.ts";
import { invalidParams } from "../requests/request_error.ts";

/** The name of an option. */
export type OptionName = keyof WireOptions;

type Family = "ipv4" | "ipv6" | "unix";

/** An option of setsockopt(2). */
interface SocketOption {
  level: number;
  option: number;
  /** Its C name, for the error. */
  name: string;
}

interface Option {
  /** The kinds of socket that take it. */
  kinds: readonly Kind[];
  /** What is wrong with a value, or `undefined`. */
  refuse(value: unknown): string | undefined;
  /** How the kernel is told; not at all by setsockopt(2) where missing. */
  socketOption?(family: Family): SocketOption;
}

const INTERNET: readonly Kind[] = ["tcp", "udp"];
const QUEUED: readonly Kind[] = ["tcp", "unix", "seqpacket"];
const PATHS: readonly Kind[] = ["unix", "seqpacket", "unixgram"];
const ALL: readonly Kind[] = [...INTERNET, ...PATHS];

const MAX_INT = 0x7fffffff;
const MAX_UNSIGNED = 0xffffffff;

function flag(value: unknown): string | undefined {
  return typeof value === "boolean" ? undefined : "is true or false";
}

function wholeNumber(least: number, most: number): Option["refuse"] {
  return (value) =>
    typeof value === "number" && Number.isInteger(value) && value >= least &&
      value <= most
      ? undefined
      : `is a whole number, ${least} to ${most}`;
}

function mode(value: unknown): string | undefined {
  return typeof value === "string" && /^0?[0-7]{3}$/.test(value)
    ? undefined
    : 'is octal in quotes, such as "0660"';
}

/** A name, or a number that may be in quotes; the largest stands for nobody. */
function account(value: unknown): string | undefined {
  const isText = typeof value === "string";
  if (isText && /^(?!\d+$)[^\0-\x20:/\x7f]+$/.test(value)) return undefined;
  const number = isText && /^\d+$/.test(value) ? Number(value) : value;
  return wholeNumber(0, MAX_UNSIGNED - 1)(number) === undefined
    ? undefined
    : `is a name or a number, 0 to ${MAX_UNSIGNED - 1}`;
}

function ofSocket(
  name: "SO_REUSEPORT" | "SO_MARK" | "SO_RCVBUF" | "SO_SNDBUF",
) {
  return () => ({ level: abi.SOL_SOCKET, option: abi[name], name });
}

function ofTcp(name: "TCP_DEFER_ACCEPT" | "TCP_FASTOPEN") {
  return () => ({ level: abi.IPPROTO_TCP, option: abi[name], name });
}

function ofInternet(name: "FREEBIND" | "TRANSPARENT") {
  return (family: Family): SocketOption => {
    const six = family === "ipv6";
    const full = six ? `IPV6_${name}` as const : `IP_${name}` as const;
    const level = six ? abi.IPPROTO_IPV6 : abi.IPPROTO_IP;
    return { level, option: abi[full], name: full };
  };
}

/** Every option, in the order in which they are told to the kernel. */
const OPTIONS: Readonly<Record<OptionName, Option>> = {
  reuse_port: {
    kinds: INTERNET,
    refuse: flag,
    socketOption: ofSocket("SO_REUSEPORT"),
  },
  free_bind: {
    kinds: INTERNET,
    refuse: flag,
    socketOption: ofInternet("FREEBIND"),
  },
  transparent: {
    kinds: INTERNET,
    refuse: flag,
    socketOption: ofInternet("TRANSPARENT"),
  },
  mark: {
    kinds: INTERNET,
    refuse: wholeNumber(0, MAX_UNSIGNED),
    socketOption: ofSocket("SO_MARK"),
  },
  // A TCP window is scaled by the buffer there is at listen(2): tcp(7).
  recv_buffer: {
    kinds: ALL,
    refuse: wholeNumber(1, MAX_INT),
    socketOption: ofSocket("SO_RCVBUF"),
  },
  send_buffer: {
    kinds: ALL,
    refuse: wholeNumber(1, MAX_INT),
    socketOption: ofSocket("SO_SNDBUF"),
  },
  defer_accept: {
    kinds: ["tcp"],
    refuse: wholeNumber(0, MAX_INT),
    socketOption: ofTcp("TCP_DEFER_ACCEPT"),
  },
  fast_open: {
    kinds: ["tcp"],
    refuse: wholeNumber(0, MAX_INT),
    socketOption: ofTcp("TCP_FASTOPEN"),
  },
  // listen(2) takes an int; the kernel caps it at net.core.somaxconn.
  backlog: { kinds: QUEUED, refuse: wholeNumber(0, MAX_INT) },
  mode: { kinds: PATHS, refuse: mode },
  owner: { kinds: PATHS, refuse: account },
  group: { kinds: PATHS, refuse: account },
};

const NAMES = Object.keys(OPTIONS) as readonly OptionName[];

/** Whether there is such an option. */
export function isOption(name: string): name is OptionName {
  return Object.hasOwn(OPTIONS, name);
}

/** Whether sockets of that kind have an accept queue, and so a backlog. */
export function hasBacklog(kind: Kind): boolean {
  return QUEUED.includes(kind);
}

/**
 * The options among what was given.
 *
 * @throws {RequestError} -32602 naming one that is wrong.
 */
export function readBindOptions(
  given: Readonly<Record<string, unknown>>,
  kind: Kind,
): WireOptions {
  const options: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || !isOption(name)) continue;
    const { kinds, refuse } = OPTIONS[name];
    if (!kinds.includes(kind)) {
      throw invalidParams(
        `${name} is for ${kinds.join(", ")}, not for kind ${kind}`,
      );
    }
    const reason = refuse(value);
    if (reason !== undefined) throw invalidParams(`${name} ${reason}`);
    // JSON has -0, which is an integer here and none to C.
    options[name] = value === 0 ? 0 : value;
  }
  return options;
}

/**
 * Tells the kernel what setsockopt(2) can tell it: all of it before bind(2),
 * or what is to change of a socket that is bound.
 *
 * @throws {OsError} EPERM without CAP_NET_ADMIN, ENOPROTOOPT, ...
 */
export function setSocketOptions(
  fd: number,
  family: Family,
  options: WireOptions,
): void {
  for (const name of NAMES) {
    const value = options[name];
    const told = OPTIONS[name].socketOption?.(family);
    if (value === undefined || told === undefined) continue;
    setOption(fd, told.level, told.option, Number(value), told.name);
  }
}

/** Those of `wanted` that are not as in `held`, each by itself. */
export function changedOptions(
  held: WireOptions,
  wanted: WireOptions,
): WireOptions[] {
  return Object.keys(wanted).filter(isOption)
    .filter((name) => wanted[name] !== held[name])
    .map((name) => ({ [name]: wanted[name] }));
}
