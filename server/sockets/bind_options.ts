/**
 * The options of `bind`: checks the values that a client sends and sets those
 * that setsockopt(2) has. `BIND_OPTIONS` of protocol.ts lists the options.
 *
 * @module
 */
import type { Kind } from "../../address.ts";
import { abi } from "../../ffi/libc/abi.ts";
import { setOption } from "../../ffi/sockets/socket.ts";
import {
  type AddressOptionName,
  BIND_OPTIONS,
  type BindOptionValue,
  type BindParams,
  isBindOption,
  type WireOptions,
} from "../../protocol.ts";
import { invalidParams } from "../requests/request_error.ts";

/** Options of a `bind`, those of its address included. */
export type BindOptions =
  & WireOptions
  & Pick<BindParams, AddressOptionName>;

type Family = "ipv4" | "ipv6" | "unix";

/** An option of setsockopt(2). */
interface SocketOption {
  level: number;
  option: number;
  /** Its name in C, for the error message. */
  name: string;
}

type ToSocketOption = (family: Family) => SocketOption;

// IFNAMSIZ of netdevice(7) is 16 with its NUL.
const DEVICE = /^[^\s\0/]{1,15}$/;
const MODE = /^0?[0-7]{3}$/;
const ACCOUNT_NAME = /^(?!\d+$)[^\0-\x20:/\x7f]+$/;
/** chown(2) takes the next number for "leave as it is". */
const MAX_ID = 0xfffffffe;

/** What is wrong with a value, or `undefined`. */
function refusalOf(value: unknown, type: BindOptionValue): string | undefined {
  switch (type) {
    case "boolean":
      return typeof value === "boolean" ? undefined : "expected true or false";
    case "interface":
      return isText(value, DEVICE)
        ? undefined
        : "expected a network interface, such as eth0";
    case "mode":
      return isText(value, MODE)
        ? undefined
        : 'expected octal digits in quotes, such as "0660"';
    case "account":
      return isAccount(value)
        ? undefined
        : `expected a name or a number from 0 to ${MAX_ID}`;
    default:
      return isWholeNumber(value, type.least, type.most)
        ? undefined
        : `expected a whole number from ${type.least} to ${type.most}`;
  }
}

function isText(value: unknown, pattern: RegExp): boolean {
  return typeof value === "string" && pattern.test(value);
}

function isWholeNumber(value: unknown, least: number, most: number): boolean {
  return typeof value === "number" && Number.isInteger(value) &&
    value >= least && value <= most;
}

function isAccount(value: unknown): boolean {
  if (isText(value, ACCOUNT_NAME)) return true;
  return isWholeNumber(
    isText(value, /^\d+$/) ? Number(value) : value,
    0,
    MAX_ID,
  );
}

/**
 * Checks the options among the params of a request.
 *
 * @throws {RequestError} -32602 naming the option that is wrong.
 */
export function readBindOptions(
  params: Readonly<Record<string, unknown>>,
  kind: Kind,
): BindOptions {
  const options: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined || !isBindOption(name)) continue;
    const { kinds, value: type } = BIND_OPTIONS[name];
    if (!kinds.includes(kind)) {
      throw invalidParams(
        `option ${name} is for ${kinds.join(", ")}, not for ${kind}`,
      );
    }
    const refusal = refusalOf(value, type);
    if (refusal !== undefined) {
      throw invalidParams(`${name}: ${refusal}`);
    }
    // JSON has -0, which is an integer in JavaScript but not in C.
    options[name] = value === 0 ? 0 : value;
  }
  return options;
}

function ofSocket(
  name: "SO_REUSEPORT" | "SO_MARK" | "SO_RCVBUF" | "SO_SNDBUF",
): ToSocketOption {
  return () => ({ level: abi.SOL_SOCKET, option: abi[name], name });
}

function ofTcp(name: "TCP_DEFER_ACCEPT" | "TCP_FASTOPEN"): ToSocketOption {
  return () => ({ level: abi.IPPROTO_TCP, option: abi[name], name });
}

function ofInternet(name: "FREEBIND" | "TRANSPARENT"): ToSocketOption {
  return (family) => {
    const six = family === "ipv6";
    const full = six ? `IPV6_${name}` as const : `IP_${name}` as const;
    const level = six ? abi.IPPROTO_IPV6 : abi.IPPROTO_IP;
    return { level, option: abi[full], name: full };
  };
}

const SOCKET_OPTIONS: Readonly<
  Partial<Record<keyof WireOptions, ToSocketOption>>
> = {
  reuse_port: ofSocket("SO_REUSEPORT"),
  free_bind: ofInternet("FREEBIND"),
  transparent: ofInternet("TRANSPARENT"),
  mark: ofSocket("SO_MARK"),
  recv_buffer: ofSocket("SO_RCVBUF"),
  send_buffer: ofSocket("SO_SNDBUF"),
  defer_accept: ofTcp("TCP_DEFER_ACCEPT"),
  fast_open: ofTcp("TCP_FASTOPEN"),
};

/**
 * Sets the options that setsockopt(2) has. On a new socket they are set before
 * listen(2), which scales the TCP window by the receive buffer (tcp(7)).
 *
 * @throws {OsError} EPERM without CAP_NET_ADMIN, ENOPROTOOPT, ...
 */
export function setSocketOptions(
  fd: number,
  family: Family,
  options: WireOptions,
): void {
  for (const [name, toSocketOption] of Object.entries(SOCKET_OPTIONS)) {
    const value = options[name as keyof WireOptions];
    if (value === undefined) continue;
    const { level, option, name: inC } = toSocketOption(family);
    setOption(fd, level, option, Number(value), inC);
  }
}

/** The options of `wanted` that differ from `held`, one in each object. */
export function changedOptions(
  held: WireOptions,
  wanted: WireOptions,
): WireOptions[] {
  const names = Object.keys(wanted) as (keyof WireOptions)[];
  return names.filter((name) => wanted[name] !== held[name])
    .map((name) => ({ [name]: wanted[name] }));
}
