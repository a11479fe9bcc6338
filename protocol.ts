/**
 * What both sides say on the control socket: JSON-RPC 2.0 objects, one after
 * another on a stream, an answer's descriptors in its ancillary data.
 *
 * @module
 */
import type { Kind } from "./address.ts";

/** The numbers in an error answer. */
export const ErrorCode = {
  /** What came is no JSON. */
  PARSE_ERROR: -32700,
  /** JSON, but no request; also: longer than {@linkcode MAX_REQUEST}. */
  INVALID_REQUEST: -32600,
  /** No such method. */
  METHOD_NOT_FOUND: -32601,
  /** The method has no use for these params. */
  INVALID_PARAMS: -32602,
  /** The daemon's own fault. */
  INTERNAL_ERROR: -32603,
  /** The socket could not be made, bound or listened on; data says why. */
  COULD_NOT_BIND: 10000,
  /** The policy says no. */
  DENIED: 10001,
  /** The daemon has no descriptor left. */
  NO_DESCRIPTORS: 10002,
  /** One of the daemon's own limits is reached. */
  LIMIT_REACHED: 10003,
  /** Nothing is bound to that address. */
  NO_SUCH_BIND: 10004,
} as const;

/** The longest request, in bytes. */
export const MAX_REQUEST = 64 * 1024;

/** The backlog of a bind that names none, as the Ruby multibinder has it. */
export const DEFAULT_BACKLOG = 1000;

/** The methods that the daemon has. */
export const METHODS = ["bind", "list", "release", "status"] as const;

/** The name of a method. */
export type Method = typeof METHODS[number];

/** Whether the daemon has a method of that name. */
export function isMethod(name: string): name is Method {
  return (METHODS as readonly string[]).includes(name);
}

/** What ties an answer to its request. */
export type RequestId = string | number | null;

/**
 * How a socket shall be, beside what it is bound to. Each kind of socket takes
 * its own; what is left out is as the kernel has it. A repeated `bind` applies
 * what it names to the socket that is there.
 */
export interface WireOptions {
  /** How many connections may wait to be accepted (listen(2)). Default: 1000. */
  backlog?: number;
  /** SO_REUSEPORT, socket(7). */
  reuse_port?: boolean;
  /** IP_FREEBIND, ip(7): also an address that this machine does not have. */
  free_bind?: boolean;
  /** IP_TRANSPARENT, ip(7); needs CAP_NET_ADMIN or CAP_NET_RAW. */
  transparent?: boolean;
  /** TCP_DEFER_ACCEPT, tcp(7), in s. */
  defer_accept?: number;
  /** TCP_FASTOPEN, tcp(7): how many may wait that have sent data with a SYN. */
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
  /** The path of a UNIX socket, or `@name`, in place of address and port. */
  path?: string;
  /** Default: `tcp`, with a path `unix`. */
  kind?: Kind;
  /** Whether an IPv6 socket refuses IPv4. Default: true. */
  v6only?: boolean;
  /** SO_BINDTODEVICE, socket(7): a network interface. */
  device?: string;
}

/** What failed in the kernel, in the `data` of an error answer. */
export interface ErrorData {
  /** As in errno(3). */
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
  /** The request's, or null. */
  id?: RequestId;
  /** What was asked for, of a success. */
  result?: unknown;
  /** Why not, of a failure. */
  error?: ErrorObject;
}

/** One held socket in the answer to `list`. */
export interface BindDescription {
  /** As `parseAddress` of address.ts reads it. */
  address: string;
  /** Where port 0 was asked for: the address with the port it has. */
  bound?: string;
  /** What kind of socket it is. */
  kind: Kind;
  /** What `bind` was asked for beside the address. */
  options: WireOptions & { v6only?: boolean; device?: string };
  /** When it was bound, ISO 8601. */
  bound_at: string;
  /** How many times it was handed out. */
  handed_out: number;
  /** Who got it last. */
  last_peer?: { pid: number; uid: number; gid: number; at: string };
  /** The socket's inode, by which /proc/PID/fd names it (proc_pid_fd(5)). */
  inode: string;
  /** The file at its path, where it has one: device `major:minor` and inode. */
  file?: { device: string; inode: string };
  /** Connections that wait to be accepted; missing where nobody can tell. */
  waiting?: number;
}

/** How often a method was asked for. */
export interface RequestCount {
  /** All of them. */
  requests: number;
  /** Those that were answered with an error. */
  errors: number;
}

/** Limits that the daemon was given; 0 is none. */
export interface StatusLimits {
  /** `--max-clients`. */
  clients: number;
  /** `--max-binds`. */
  binds: number;
  /** `--request-timeout`, in ms. */
  request_timeout: number;
}

/** Who was turned away, and why. */
export interface Refusals {
  /** Clients, for `--max-clients`. */
  clients: number;
  /** Binds, for `--max-binds`. */
  binds: number;
  /** Clients that did not complete a request in time. */
  timeouts: number;
  /** Clients that did not read their answers. */
  unread: number;
  /** Requests that the policy denied. */
  denied: number;
  /** Clients, for want of descriptors. */
  descriptors: number;
}

/** The answer to `status`. Counters begin with each generation. */
export interface Status {
  /** The daemon's version. */
  version: string;
  /** Its process, the same across re-execs. */
  pid: number;
  /** The version of Deno that runs it. */
  deno: string;
  /** When the first generation began, ISO 8601. */
  started_at: string;
  /** How long that is ago, in s. */
  uptime: number;
  /** When this one began. */
  generation_started_at: string;
  /** 1, and one more with every re-exec. */
  generation: number;
  /** The path of the control socket. */
  control_socket: string;
  /** How many sockets are held. */
  binds: number;
  /** How many clients are connected, the asking one included. */
  clients: number;
  /** How many descriptors are open, and how many may be. */
  descriptors: { open: number; limit: number };
  /** By method; `other` is what names no method of ours. */
  requests: Record<string, RequestCount>;
  /** The daemon's own limits. */
  limits: StatusLimits;
  /** How often they, and others, were reached. */
  refused: Refusals;
  /** In bytes: resident in all, and the part of it that is JavaScript's. */
  memory: { resident: number; heap: number };
  /** The policy in force; missing without one. */
  policy?: { path: string; rules: number; loaded_at: string };
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

/**
 * Cuts a stream into JSON objects and arrays. Only its own last bracket ends a
 * message: the Ruby client sends no newline.
 */
export class Framing {
  #buffer = new Uint8Array(0);
  /** Where the current message begins. */
  #start = 0;
  /** How far the buffer has been scanned. */
  #scanned = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;

  /** Messages longer than `limit` bytes are refused. */
  constructor(readonly limit: number) {}

  /** Adds received bytes, which are copied. */
  append(bytes: Uint8Array<ArrayBuffer>): void {
    const rest = this.pending;
    const buffer = new Uint8Array(rest.length + bytes.length);
    buffer.set(rest);
    buffer.set(bytes, rest.length);
    this.#buffer = buffer;
    this.#scanned -= this.#start;
    this.#start = 0;
  }

  /** The bytes that are not part of a message that was returned. */
  get pending(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(this.#start);
  }

  /**
   * The next complete message, or `undefined` until more bytes are appended.
   *
   * @throws {FramingError} when no message can follow any more.
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

  /** Looks for the last bracket; every byte is scanned once. */
  #scan(): boolean {
    while (this.#scanned < this.#buffer.length) {
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
    this.#buffer = new Uint8Array(0);
    this.#start = this.#scanned = this.#depth = 0;
    this.#inString = this.#escaped = false;
  }

  #skipSpace(): void {
    const buffer = this.#buffer;
    let at = this.#start;
    while (at < buffer.length && isSpace(buffer[at]!)) at++;
    if (at === buffer.length) {
      // An idle client's buffer is not kept.
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

/** Reads one message; throws where it is not UTF-8 or not JSON. */
export function decodeMessage(bytes: Uint8Array<ArrayBuffer>): unknown {
  return JSON.parse(decoder.decode(bytes));
}

/** One message with the newline that ends ours. */
export function encodeMessage(message: unknown): Uint8Array<ArrayBuffer> {
  return encoder.encode(JSON.stringify(message) + "\n");
}
