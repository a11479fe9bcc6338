/**
 * The protocol of the control socket: a stream of JSON-RPC 2.0 objects. The
 * ancillary data of an answer holds its descriptors.
 *
 * @module
 */
import type { Kind } from "./address.ts";

/** The codes of error answers. */
export const ErrorCode = {
  /** The bytes are not JSON. */
  PARSE_ERROR: -32700,
  /** The JSON is not a request, or is longer than {@linkcode MAX_REQUEST}. */
  INVALID_REQUEST: -32600,
  /** The method does not exist. */
  METHOD_NOT_FOUND: -32601,
  /** The params are not valid for the method. */
  INVALID_PARAMS: -32602,
  /** The daemon has a bug. */
  INTERNAL_ERROR: -32603,
  /** socket(2), bind(2) or listen(2) failed: see {@linkcode ErrorData}. */
  COULD_NOT_BIND: 10000,
  /** The policy denies the request. */
  DENIED: 10001,
  /** The daemon has no descriptor left. */
  NO_DESCRIPTORS: 10002,
  /** A configured limit of the daemon is reached. */
  LIMIT_REACHED: 10003,
  /** No socket is bound to the address. */
  NO_SUCH_BIND: 10004,
} as const;

/** The longest request, in bytes. */
export const MAX_REQUEST = 64 * 1024;

/** The default backlog, the same as in the Ruby multibinder. */
export const DEFAULT_BACKLOG = 1000;

/** The methods of the daemon. */
export const METHODS = ["bind", "list", "release", "status"] as const;

/** The name of a method. */
export type Method = typeof METHODS[number];

/** Whether the daemon has a method with this name. */
export function isMethod(name: string): name is Method {
  return (METHODS as readonly string[]).includes(name);
}

/** The `id` of a request and of its answer. */
export type RequestId = string | number | null;

/**
 * Socket options. Each kind of socket has its own; an option that is not set
 * keeps the kernel's default. A repeated `bind` applies its options to the
 * existing socket.
 */
export interface WireOptions {
  /**
   * The length of the accept queue, in connections (listen(2)).
   *
   * @default 1000
   */
  backlog?: number;
  /** SO_REUSEPORT, socket(7). */
  reuse_port?: boolean;
  /** IP_FREEBIND, ip(7): allow an address that this machine does not have. */
  free_bind?: boolean;
  /** IP_TRANSPARENT, ip(7); needs CAP_NET_ADMIN or CAP_NET_RAW. */
  transparent?: boolean;
  /** TCP_DEFER_ACCEPT, tcp(7), in s. */
  defer_accept?: number;
  /** TCP_FASTOPEN, tcp(7): how many pending SYNs may carry data. */
  fast_open?: number;
  /** SO_MARK, socket(7); needs CAP_NET_ADMIN or CAP_NET_RAW. */
  mark?: number;
  /** SO_RCVBUF, socket(7), in bytes; the kernel doubles it. */
  recv_buffer?: number;
  /** SO_SNDBUF, socket(7), in bytes; the kernel doubles it. */
  send_buffer?: number;
  /**
   * Permissions of the path, in octal.
   *
   * @default "0660"
   */
  mode?: string;
  /**
   * The path's user, a name or a number.
   *
   * @default the daemon's
   */
  owner?: string | number;
  /**
   * The path's group, a name or a number.
   *
   * @default the daemon's
   */
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
  /**
   * The kind of the socket.
   *
   * @default "tcp", or "unix" with a path
   */
  kind?: Kind;
  /**
   * Whether an IPv6 socket refuses IPv4.
   *
   * @default true
   */
  v6only?: boolean;
  /** SO_BINDTODEVICE, socket(7): a network interface. */
  device?: string;
}

/** The `data` of an error answer: the system call that failed. */
export interface ErrorData {
  /** The number of the error (errno(3)). */
  errno: number;
  /** The name of the error, such as `EADDRINUSE`. */
  code: string;
  /** The call that failed. */
  syscall: string;
}

/** The `error` of an answer. */
export interface ErrorObject {
  /** One of {@linkcode ErrorCode}. */
  code: number;
  /** One sentence for a person. */
  message: string;
  /** Details for programs. */
  data?: unknown;
}

/** An answer. */
export interface Answer {
  /** Always "2.0". Errors of the Ruby server do not have it. */
  jsonrpc?: "2.0";
  /** The request's id, or null. */
  id?: RequestId;
  /** The result of a request that succeeded. */
  result?: unknown;
  /** The error of a request that failed. */
  error?: ErrorObject;
}

/** One socket in the answer to `list`. */
export interface BindDescription {
  /** The address, for `parseAddress` of address.ts. */
  address: string;
  /** With port 0: the address with the port that the kernel chose. */
  bound?: string;
  /** The kind of the socket. */
  kind: Kind;
  /** The options of the `bind` request. */
  options: WireOptions & { v6only?: boolean; device?: string };
  /** When the socket was bound, ISO 8601. */
  bound_at: string;
  /** How many times the socket was handed out. */
  handed_out: number;
  /** The last client that received the socket. */
  last_peer?: { pid: number; uid: number; gid: number; at: string };
  /** The socket's inode, as in /proc/PID/fd (proc_pid_fd(5)). */
  inode: string;
  /** The file of a UNIX socket: device `major:minor` and inode. */
  file?: { device: string; inode: string };
  /** Connections in the accept queue; missing where the kernel does not tell. */
  waiting?: number;
}

/** How many requests a method had. */
export interface RequestCount {
  /** All requests. */
  requests: number;
  /** Requests that were answered with an error. */
  errors: number;
}

/** The daemon's configured limits; 0 is no limit. */
export interface StatusLimits {
  /** `--max-clients`. */
  clients: number;
  /** `--max-binds`. */
  binds: number;
  /** `--request-timeout`, in ms. */
  request_timeout: number;
}

/** How many clients and requests were refused, by reason. */
export interface Refusals {
  /** Clients over `--max-clients`. */
  clients: number;
  /** Binds over `--max-binds`. */
  binds: number;
  /** Clients that did not complete a request in `--request-timeout`. */
  timeouts: number;
  /** Clients that did not read their answers. */
  unread: number;
  /** Requests that the policy denied. */
  denied: number;
  /** Clients refused because no descriptor was left. */
  descriptors: number;
}

/** The answer to `status`. Each generation starts its counters at 0. */
export interface Status {
  /** The daemon's version. */
  version: string;
  /** The daemon's PID; a re-exec keeps it. */
  pid: number;
  /** The version of Deno. */
  deno: string;
  /** When the first generation started, ISO 8601. */
  started_at: string;
  /** Time since `started_at`, in s. */
  uptime: number;
  /** When this generation started, ISO 8601. */
  generation_started_at: string;
  /** 1, plus one for every re-exec. */
  generation: number;
  /** The path of the control socket. */
  control_socket: string;
  /** How many sockets the daemon holds. */
  binds: number;
  /** How many clients are connected, including this one. */
  clients: number;
  /** How many descriptors are open, and their limit (RLIMIT_NOFILE). */
  descriptors: { open: number; limit: number };
  /** Requests by method; `other` counts unknown methods. */
  requests: Record<string, RequestCount>;
  /** The configured limits. */
  limits: StatusLimits;
  /** How many clients and requests were refused. */
  refused: Refusals;
  /** In bytes: resident memory, and the JavaScript heap in it. */
  memory: { resident: number; heap: number };
  /** The policy in force; missing without a policy. */
  policy?: { path: string; rules: number; loaded_at: string };
}

/** The bytes are not a sequence of JSON objects and arrays. */
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
 * Splits a stream into JSON objects and arrays. The last bracket ends a
 * message: the Ruby client does not send a newline.
 */
export class Framing {
  #buffer = new Uint8Array(0);
  /** The offset of the current message. */
  #start = 0;
  /** The offset of the next byte to scan. */
  #scanned = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;

  /** Messages longer than `limit` bytes are refused. */
  constructor(readonly limit: number) {}

  /** Copy received bytes to the buffer. */
  append(bytes: Uint8Array<ArrayBuffer>): void {
    const rest = this.pending;
    const buffer = new Uint8Array(rest.length + bytes.length);
    buffer.set(rest);
    buffer.set(bytes, rest.length);
    this.#buffer = buffer;
    this.#scanned -= this.#start;
    this.#start = 0;
  }

  /** The bytes after the last message that was returned. */
  get pending(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(this.#start);
  }

  /**
   * The next message, or `undefined` when the buffer has no complete message.
   *
   * @throws {FramingError} when the next byte does not begin a message, or the
   * message is too long.
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

  /** Finds the last bracket; scans every byte once. */
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

  /** Drop the pending bytes. */
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
      // Free the buffer of an idle client.
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

/**
 * Decode one message.
 *
 * @throws {TypeError} when it is not UTF-8.
 * @throws {SyntaxError} when it is not JSON.
 */
export function decodeMessage(bytes: Uint8Array<ArrayBuffer>): unknown {
  return JSON.parse(decoder.decode(bytes));
}

/** Encode one message, with a newline at its end. */
export function encodeMessage(message: unknown): Uint8Array<ArrayBuffer> {
  return encoder.encode(JSON.stringify(message) + "\n");
}
