/**
 * The protocol of the control socket: a stream of JSON-RPC 2.0 objects. The
 * ancillary data of an answer carries its descriptors.
 *
 * @module
 */
import type { Kind } from "./address.ts";

/** The codes of error answers. */
export const ErrorCode = {
  /** The request is not JSON. */
  PARSE_ERROR: -32700,
  /** JSON that is not a request, or longer than {@linkcode MAX_REQUEST}. */
  INVALID_REQUEST: -32600,
  /** The method does not exist. */
  METHOD_NOT_FOUND: -32601,
  /** The params are invalid for the method. */
  INVALID_PARAMS: -32602,
  /** An internal error of the daemon. */
  INTERNAL_ERROR: -32603,
  /**
   * The socket cannot be created, bound or listened on; `data` has the reason.
   */
  COULD_NOT_BIND: 10000,
  /** The policy denies the request. */
  DENIED: 10001,
  /** The daemon has no spare descriptor. */
  NO_DESCRIPTORS: 10002,
  /** One of the daemon's own limits is reached. */
  LIMIT_REACHED: 10003,
  /** No socket is bound to that address. */
  NO_SUCH_BIND: 10004,
} as const;

/** The longest request, in bytes. */
export const MAX_REQUEST = 64 * 1024;

/** The largest group of sockets that share an address. */
export const MAX_SHARDS = 64;

/** The default backlog, the same as in the Ruby multibinder. */
export const DEFAULT_BACKLOG = 1000;

/** The methods of the daemon. */
export const METHODS = ["bind", "list", "release", "status"] as const;

/** The name of a method. */
export type Method = typeof METHODS[number];

/** Whether the daemon has a method of that name. */
export function isMethod(name: string): name is Method {
  return (METHODS as readonly string[]).includes(name);
}

/** The id that links an answer to its request. */
export type RequestId = string | number | null;

/**
 * Socket options of `bind`. Each kind of socket takes its own options; a
 * missing option has the kernel's default. A repeated `bind` applies its
 * options to the existing socket.
 */
export interface WireOptions {
  /** The length limit of the accept queue (listen(2)). Default: 1000. */
  backlog?: number;
  /** SO_REUSEPORT, socket(7). */
  reuse_port?: boolean;
  /** IP_FREEBIND, ip(7): allows an address that this machine does not have. */
  free_bind?: boolean;
  /** IP_TRANSPARENT, ip(7); needs CAP_NET_ADMIN or CAP_NET_RAW. */
  transparent?: boolean;
  /** TCP_DEFER_ACCEPT, tcp(7), in s. */
  defer_accept?: number;
  /**
   * TCP_FASTOPEN, tcp(7): the limit of pending connections with data in the
   * SYN.
   */
  fast_open?: number;
  /** SO_MARK, socket(7); needs CAP_NET_ADMIN or CAP_NET_RAW. */
  mark?: number;
  /** SO_RCVBUF, socket(7), in bytes; the kernel doubles it. */
  recv_buffer?: number;
  /** SO_SNDBUF, socket(7), in bytes; the kernel doubles it. */
  send_buffer?: number;
  /** Permissions of the path, in octal. Default: `"0660"`. */
  mode?: string;
  /** The path's user, a name or a number. Default: the daemon's. */
  owner?: string | number;
  /** The path's group, a name or a number. Default: the daemon's. */
  group?: string | number;
}

/** The first parameter of `bind` and `release`. */
export interface BindParams extends WireOptions {
  /** A numeric address or a name. */
  address?: string;
  /** 0 to 65535; 0 lets the kernel choose. */
  port?: number;
  /** The path of a UNIX socket, or `@name`, instead of address and port. */
  path?: string;
  /** Default: `tcp`, or `unix` with a path. */
  kind?: Kind;
  /** Whether an IPv6 socket refuses IPv4. Default: true. */
  v6only?: boolean;
  /** SO_BINDTODEVICE, socket(7): a network interface. */
  device?: string;
  /**
   * Which socket of a group that shares the address with SO_REUSEPORT, 0 to 63.
   * Socket 0 is the one of a request without `shard`. Default: 0.
   */
  shard?: number;
  /**
   * How many sockets of the group get new connections, 1 to 64: those with a
   * smaller `shard`. Each `bind` with it sets it for the whole group.
   */
  shards?: number;
  /**
   * Only a socket that is held: the daemon creates and changes nothing and follows
   * no link of the path; otherwise {@linkcode ErrorCode.NO_SUCH_BIND}. A takeover
   * asks so. Default: false.
   */
  held?: boolean;
}

/** The options of `bind`: those of {@linkcode WireOptions} and of the address. */
export type BindOptionName = keyof WireOptions | AddressOptionName;

/** The options of `bind` that select the socket, and those of its group. */
export type AddressOptionName = "v6only" | "device" | "shard" | "shards";

/** The value that an option takes. */
export type BindOptionValue =
  | "boolean"
  /** A network interface, such as `eth0`. */
  | "interface"
  /** Permissions as octal text, such as `0660`. */
  | "mode"
  /** A user or a group, by name or number. */
  | "account"
  /** A whole number, both ends included. */
  | { readonly least: number; readonly most: number };

/** An option of `bind`. */
export interface BindOption {
  /** The kinds of socket that take it. */
  readonly kinds: readonly Kind[];
  /** The value that it takes. */
  readonly value: BindOptionValue;
}

const INTERNET: readonly Kind[] = ["tcp", "udp"];
const PATHS: readonly Kind[] = ["unix", "seqpacket", "unixgram"];
const QUEUED: readonly Kind[] = ["tcp", "unix", "seqpacket"];
const ALL: readonly Kind[] = [...INTERNET, ...PATHS];

/** As in C: setsockopt(2) and listen(2) take an int, SO_MARK an unsigned one. */
const MAX_INT = 0x7fffffff;
const MAX_UNSIGNED = 0xffffffff;

/** Every option of `bind`. */
export const BIND_OPTIONS: Readonly<Record<BindOptionName, BindOption>> = {
  backlog: { kinds: QUEUED, value: { least: 0, most: MAX_INT } },
  v6only: { kinds: INTERNET, value: "boolean" },
  device: { kinds: INTERNET, value: "interface" },
  shard: { kinds: INTERNET, value: { least: 0, most: MAX_SHARDS - 1 } },
  shards: { kinds: INTERNET, value: { least: 1, most: MAX_SHARDS } },
  reuse_port: { kinds: INTERNET, value: "boolean" },
  free_bind: { kinds: INTERNET, value: "boolean" },
  transparent: { kinds: INTERNET, value: "boolean" },
  defer_accept: { kinds: ["tcp"], value: { least: 0, most: MAX_INT } },
  fast_open: { kinds: ["tcp"], value: { least: 0, most: MAX_INT } },
  mark: { kinds: INTERNET, value: { least: 0, most: MAX_UNSIGNED } },
  recv_buffer: { kinds: ALL, value: { least: 1, most: MAX_INT } },
  send_buffer: { kinds: ALL, value: { least: 1, most: MAX_INT } },
  mode: { kinds: PATHS, value: "mode" },
  owner: { kinds: PATHS, value: "account" },
  group: { kinds: PATHS, value: "account" },
};

/** Whether `bind` has an option of that name. */
export function isBindOption(name: string): name is BindOptionName {
  return Object.hasOwn(BIND_OPTIONS, name);
}

/** Whether sockets of that kind have an accept queue, and so a backlog. */
export function hasBacklog(kind: Kind): boolean {
  return QUEUED.includes(kind);
}

/** A failed system call, in the `data` of an error answer. */
export interface ErrorData {
  /** The number, as in errno(3). */
  errno: number;
  /** Its name, such as `EADDRINUSE`. */
  code: string;
  /** The call that failed. */
  syscall: string;
}

/** The `error` of an answer. */
export interface ErrorObject {
  /** One of {@linkcode ErrorCode}. */
  code: number;
  /** One sentence for people. */
  message: string;
  /** Details for programs. */
  data?: unknown;
}

/** An answer. */
export interface Answer {
  /** Always "2.0"; older servers leave it out of an error. */
  jsonrpc?: "2.0";
  /** The id of the request, or null. */
  id?: RequestId;
  /** The result of a successful request. */
  result?: unknown;
  /** The error of a failed request. */
  error?: ErrorObject;
}

/** One held socket in the answer to `list`. */
export interface BindDescription {
  /** The address in the form of `parseAddress`. */
  address: string;
  /**
   * For port 0: the address with the port that the kernel chose. For an IPv6
   * address where IPv6 is switched off: the IPv4 address.
   */
  bound?: string;
  /** What kind of socket it is. */
  kind: Kind;
  /** The options of `bind`; `backlog` is the one that the kernel has. */
  options: WireOptions & {
    v6only?: boolean;
    device?: string;
    shard?: number;
    shards?: number;
  };
  /**
   * The backlog that was requested, if the kernel has another one: a holder has
   * called listen(2), or the kernel has capped it. The next `bind` restores it.
   */
  requested_backlog?: number;
  /** The time of the bind, ISO 8601. */
  bound_at: string;
  /** How many times it was passed to a client. */
  handed_out: number;
  /** The last client that received it. */
  last_peer?: { pid: number; uid: number; gid: number; at: string };
  /** The socket's inode, as in /proc/PID/fd (proc_pid_fd(5)). */
  inode: string;
  /** The file at its path, if any: device `major:minor` and inode. */
  file?: { device: string; inode: string };
  /**
   * The length of the accept queue; missing where the kernel does not report
   * it.
   */
  waiting?: number;
}

/** How often a method was called. */
export interface RequestCount {
  /** All requests. */
  requests: number;
  /** Requests that were answered with an error. */
  errors: number;
}

/** The configured limits of the daemon; 0 means no limit. */
export interface StatusLimits {
  /** `--max-clients`. */
  clients: number;
  /** `--max-clients-per-user`, or its default. */
  clients_per_user: number;
  /** `--max-binds`. */
  binds: number;
  /** `--request-timeout`, in ms. */
  request_timeout_ms: number;
}

/** Counts of refused clients and requests, by reason. */
export interface Refusals {
  /** Clients refused because of `--max-clients`. */
  clients: number;
  /** Clients refused because of `--max-clients-per-user`. */
  clients_per_user: number;
  /** Idle clients disconnected because another client needed room. */
  idle: number;
  /** Binds refused because of `--max-binds`. */
  binds: number;
  /** Clients that did not complete a request in time. */
  timeouts: number;
  /** Clients that did not read their answers. */
  unread: number;
  /** Requests that the policy denied. */
  denied: number;
  /** Clients refused because no descriptor was left. */
  descriptors: number;
}

/** The upgrades of this generation: SIGUSR1. */
export interface Upgrades {
  /** Whether a new version is being checked. */
  running: boolean;
  /** How many were abandoned. */
  abandoned: number;
  /** Why the last one was abandoned. */
  reason?: string;
}

/** The policy of the daemon. */
export interface PolicyStatus {
  /** The path of the file. */
  path: string;
  /** The number of rules in force. */
  rules: number;
  /** When they were read, ISO 8601. */
  loaded_at: string;
  /**
   * When and why the file was rejected, if the last attempt to read it has failed:
   * then the rules in force are older than the file.
   */
  rejected?: { at: string; reason: string };
}

/** The answer to `status`. Each generation starts its counters at 0. */
export interface Status {
  /** The daemon's version. */
  version: string;
  /** Its PID, which a re-exec does not change. */
  pid: number;
  /** The version of Deno that runs it. */
  deno: string;
  /** The start of the first generation, ISO 8601. */
  started_at: string;
  /** The time since then, in s. */
  uptime_seconds: number;
  /** The start of this generation, ISO 8601. */
  generation_started_at: string;
  /** 1, incremented by every re-exec. */
  generation: number;
  /** The path of the control socket. */
  control_socket: string;
  /** How many sockets are held. */
  binds: number;
  /** How many clients are connected, including this one. */
  clients: number;
  /** The number of open descriptors, and its limit. */
  descriptors: { open: number; limit: number };
  /** By method; `other` counts unknown methods. */
  requests: Record<string, RequestCount>;
  /** The limits of the daemon. */
  limits: StatusLimits;
  /** How often clients and requests were refused. */
  refused: Refusals;
  /** Upgrades of the daemon. */
  upgrades: Upgrades;
  /**
   * Lines that are not in the log: `dropped` because nobody read it, `suppressed`
   * because one user caused too many.
   */
  log: { dropped: number; suppressed: number };
  /** The resident memory, and the JavaScript heap in it. */
  memory: { resident_bytes: number; heap_bytes: number };
  /** The policy in force, if any. */
  policy?: PolicyStatus;
}

/** Bytes that cannot be a sequence of JSON-RPC messages. */
export class FramingError extends Error {
  /** `FramingError`. */
  override readonly name = "FramingError";

  /** `code` is the {@linkcode ErrorCode} to answer with. */
  constructor(readonly code: number, message: string) {
    super(message);
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

const EMPTY = new Uint8Array(0);

/**
 * Splits a stream into JSON objects and arrays. A message ends with its closing
 * bracket, because the Ruby client sends no newline.
 */
export class Framing {
  #buffer = EMPTY;
  /** Where the received bytes end. */
  #end = 0;
  /** Where the current message begins. */
  #start = 0;
  /** How far the buffer has been scanned. */
  #scanned = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;

  /** Messages longer than `limit` bytes are refused. */
  constructor(readonly limit: number) {}

  /**
   * Appends a copy of received bytes. Returned messages keep the buffer that they
   * are in.
   */
  append(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.isEmpty) {
      // slice() takes a quarter of the time of a new array.
      this.#buffer = bytes.slice();
      this.#start = this.#scanned = 0;
      this.#end = bytes.length;
      return;
    }
    if (this.#end + bytes.length > this.#buffer.length) {
      this.#grow(bytes.length);
    }
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** To twice the length, so that many short pieces cause few copies. */
  #grow(length: number): void {
    const { pending } = this;
    this.#buffer = new Uint8Array(2 * (pending.length + length));
    this.#buffer.set(pending);
    this.#scanned -= this.#start;
    this.#start = 0;
    this.#end = pending.length;
  }

  /** The bytes after the last returned message. */
  get pending(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** Whether there are any. */
  get isEmpty(): boolean {
    return this.#start === this.#end;
  }

  /** Whether those bytes are white space, or none. */
  get isBlank(): boolean {
    return this.isEmpty || this.pending.every(isSpace);
  }

  /**
   * The next complete message, or `undefined` until more bytes are appended.
   *
   * @throws {FramingError} when the stream is not a sequence of messages.
   */
  next(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#depth === 0) this.#skipSpace();
    const isComplete = this.#scan();
    this.#refuseTooLong();
    if (!isComplete) return undefined;
    const message = this.#buffer.subarray(this.#start, this.#scanned);
    this.#start = this.#scanned;
    return message;
  }

  /** Searches the closing bracket; scans every byte once. */
  #scan(): boolean {
    while (this.#scanned < this.#end) {
      const byte = this.#buffer[this.#scanned++]!;
      if (this.#inString) this.#scanString(byte);
      else if (byte === QUOTE) this.#inString = true;
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#depth++;
      else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        if (--this.#depth === 0) return true;
      }
    }
    return false;
  }

  #scanString(byte: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === QUOTE) this.#inString = false;
  }

  /** Drops the pending bytes. */
  discard(): void {
    this.#buffer = EMPTY;
    this.#start =
      this.#scanned =
      this.#end =
      this.#depth =
        0;
    this.#inString = this.#escaped = false;
  }

  #skipSpace(): void {
    const buffer = this.#buffer;
    let at = this.#start;
    while (at < this.#end && isSpace(buffer[at]!)) at++;
    if (at === this.#end) {
      // An idle client needs no buffer.
      this.discard();
      return;
    }
    this.#start = this.#scanned = at;
    if (buffer[at] !== OPEN_BRACE && buffer[at] !== OPEN_BRACKET) {
      throw new FramingError(
        ErrorCode.PARSE_ERROR,
        "Parse error: a request is a JSON object or an array of them",
      );
    }
  }

  #refuseTooLong(): void {
    if (this.#scanned - this.#start > this.limit) {
      throw new FramingError(
        ErrorCode.INVALID_REQUEST,
        `Invalid request: longer than ${this.limit} bytes`,
      );
    }
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();
const encoded = new Uint8Array(4 * 1024);

/** Decodes one message; throws if it is not UTF-8 or not JSON. */
export function decodeMessage(bytes: Uint8Array<ArrayBuffer>): unknown {
  return JSON.parse(decoder.decode(bytes));
}

/**
 * Encodes one message, with a newline at its end. A copy of what encodeInto() has
 * written takes a quarter of the time of encode().
 */
export function encodeMessage(message: unknown): Uint8Array<ArrayBuffer> {
  const text = JSON.stringify(message) + "\n";
  const { read, written } = encoder.encodeInto(text, encoded);
  return read === text.length
    ? encoded.slice(0, written)
    : encoder.encode(text);
}
