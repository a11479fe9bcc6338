/**
 * Another server on our control socket's path, ours or a Ruby multibinder,
 * asked for everything it holds.
 *
 * @module
 */
import {
  type Address,
  formatAddress,
  hasHost,
  type HostAddress,
  type Kind,
  parseAddress,
} from "../address.ts";
import { closeAll, Descriptor } from "../ffi/descriptor.ts";
import { Errno, OsError } from "../ffi/errno.ts";
import { receiveDescriptors } from "../ffi/descriptor_passing.ts";
import { type FileIdentity, sameFile, statusOf } from "../ffi/file.ts";
import { waitReadySync } from "../ffi/readiness.ts";
import {
  type Peer,
  peerOf,
  send,
  servingKind,
  streamSocket,
  tryConnect,
} from "../ffi/socket.ts";
import {
  canonicalHost,
  localAddress,
  type UnixAddress,
} from "../ffi/socket_address.ts";
import {
  type Answer,
  type BindDescription,
  type BindParams,
  decodeMessage,
  encodeMessage,
  ErrorCode,
  Framing,
  type WireOptions,
} from "../protocol.ts";
import { readBindOptions } from "./bind_options.ts";

/** What a server is asked for. */
export interface Wanted {
  readonly params: BindParams;
  /** The file at its path, as that server knows it. */
  readonly file?: FileIdentity | undefined;
}

/** What was taken over of one bind. */
export interface TakenBind {
  readonly address: Address;
  readonly socket: Descriptor;
  readonly file: FileIdentity | undefined;
  readonly options: WireOptions;
}

/** The server that is there does not give what it was asked for. */
export class TakeoverError extends Error {
  /** `TakeoverError`. */
  override readonly name = "TakeoverError";
}

/** How long an answer may take, in ms: a Ruby server serves one at a time. */
const PATIENCE = 30_000;

/** The longest answer: 10,000 binds are some 3 MB. */
const MAX_ANSWER = 64 * 1024 * 1024;

/** No file, or one that nobody listens at. */
const NOBODY: ReadonlySet<number> = new Set([
  Errno.ENOENT,
  Errno.ECONNREFUSED,
]);

/** A connection to the server whose place we take. */
export class Predecessor implements Disposable {
  readonly #socket: Descriptor;
  readonly #path: string;
  #requests = 0;

  private constructor(socket: Descriptor, path: string) {
    this.#socket = socket;
    this.#path = path;
  }

  /**
   * Connects; `undefined` when nobody listens at the path.
   *
   * @throws {OsError} EACCES and the like: somebody may.
   */
  static connect(path: string): Predecessor | undefined {
    const address: UnixAddress = { family: "unix", path };
    const socket = streamSocket(address);
    while (true) {
      const errno = tryConnect(socket.fd, address);
      if (errno === 0) return new Predecessor(socket, path);
      if (errno === Errno.EINTR) continue;
      socket.close();
      if (NOBODY.has(errno)) return undefined;
      throw new OsError("connect", errno, path);
    }
  }

  /** The process that listens there. */
  get peer(): Peer {
    return peerOf(this.#socket.fd);
  }

  /** Everything it holds, or `undefined` when it cannot list that (Ruby). */
  list(): readonly Wanted[] | undefined {
    const { answer, descriptors } = this.#ask({ method: "list" });
    closeAll(descriptors);
    if (answer.error?.code === ErrorCode.METHOD_NOT_FOUND) return undefined;
    if (answer.error !== undefined) throw this.#refused("list", answer);
    return (answer.result as BindDescription[]).map(
      ({ address, options, file }) => {
        const { params } = wantedOf(parseAddress(address));
        return { params: { ...params, ...options }, file };
      },
    );
  }

  /** The socket of one address. */
  take({ params, file }: Wanted): TakenBind {
    const { answer, descriptors } = this.#ask({
      method: "bind",
      params: [params],
    });
    const [socket, ...surplus] = descriptors;
    const asked = addressOf(params);
    const subject = formatAddress(asked);
    try {
      if (answer.error !== undefined) throw this.#refused(subject, answer);
      if (socket === undefined || surplus.length > 0) {
        throw new TakeoverError(
          `${this.#path} sent ${descriptors.length} descriptors for ${subject}, not 1`,
        );
      }
      if (servingKind(socket.fd) !== asked.kind) {
        throw new TakeoverError(
          `the socket for ${subject} is of another kind or does not listen`,
        );
      }
      const address = hasHost(asked) ? numericOf(asked, socket) : asked;
      return {
        address,
        socket,
        file: fileStillAt(address, file),
        options: optionsOf(params, address.kind),
      };
    } catch (error) {
      closeAll(descriptors);
      throw error;
    }
  }

  #refused(subject: string, { error }: Answer): TakeoverError {
    return new TakeoverError(
      `${this.#path} does not give ${subject}: ${error?.message}`,
    );
  }

  #ask(call: { method: string; params?: unknown }): {
    answer: Answer;
    descriptors: Descriptor[];
  } {
    const id = ++this.#requests;
    this.#send(encodeMessage({ jsonrpc: "2.0", id, ...call }));
    const framing = new Framing(MAX_ANSWER);
    const descriptors: Descriptor[] = [];
    try {
      while (true) {
        this.#await("read");
        const received = receiveDescriptors(this.#socket.fd);
        if (received === undefined) continue;
        descriptors.push(
          ...received.descriptors.map((fd) => new Descriptor(fd)),
        );
        if (received.truncated || received.bytes.length === 0) {
          throw new TakeoverError(
            `${this.#path} closed the connection before it answered`,
          );
        }
        framing.append(received.bytes);
        const message = framing.next();
        if (message === undefined) continue;
        return { answer: decodeMessage(message) as Answer, descriptors };
      }
    } catch (error) {
      closeAll(descriptors);
      throw error;
    }
  }

  #send(bytes: Uint8Array<ArrayBuffer>): void {
    let rest = bytes;
    while (rest.length > 0) {
      const sent = send(this.#socket.fd, rest);
      if (sent === -1) this.#await("write");
      else rest = rest.subarray(sent);
    }
  }

  #await(readiness: "read" | "write"): void {
    if (!waitReadySync(this.#socket.fd, readiness, PATIENCE)) {
      throw new TakeoverError(
        `the server on ${this.#path} did not answer within ${PATIENCE} ms`,
      );
    }
  }

  /** Hangs up. */
  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

/** A name is bound to what the other server has resolved it to. */
function numericOf(address: HostAddress, { fd }: Descriptor): HostAddress {
  const numeric = canonicalHost(address.host);
  if (numeric !== undefined) return { ...address, host: numeric.host };
  const bound = localAddress(fd);
  return bound.family === "unix" ? address : { ...address, host: bound.host };
}

/** The file at its path, unless another has taken its place. */
function fileStillAt(
  address: Address,
  file: FileIdentity | undefined,
): FileIdentity | undefined {
  if (file === undefined || hasHost(address)) return undefined;
  const found = statusOf(address.path);
  return found !== undefined && sameFile(found, file) ? file : undefined;
}

/** A newer release may have options that we do not know. */
function optionsOf(params: BindParams, kind: Kind): WireOptions {
  return readBindOptions({ ...params }, kind);
}

/** What asks for an address; the Ruby server knows an address and a port. */
export function wantedOf(address: Address): Wanted {
  if (!hasHost(address)) {
    return { params: { kind: address.kind, path: address.path } };
  }
  const { kind, host, port, v6only, device } = address;
  return {
    params: {
      ...(kind !== "tcp" && { kind }),
      address: host,
      port,
      ...(!v6only && { v6only }),
      ...(device !== undefined && { device }),
    },
  };
}

function addressOf(params: BindParams): Address {
  const { kind = "tcp", address: host = "", port = 0, path = "" } = params;
  if (kind !== "tcp" && kind !== "udp") return { kind, path };
  const { v6only = true, device } = params;
  const on = device === undefined ? {} : { device };
  return { kind, host, port, v6only, ...on };
}
