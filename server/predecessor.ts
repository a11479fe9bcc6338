/**
 * Another server on our control socket's path, ours or a Ruby multibinder,
 * asked for everything it holds.
 *
 * @module
 */
import {
  formatAddress,
  hasHost,
  type HostAddress,
  parseAddress,
} from "../address.ts";
import { closeAll, Descriptor } from "../ffi/descriptor.ts";
import { receiveDescriptors } from "../ffi/descriptor_passing.ts";
import { waitReadySync } from "../ffi/readiness.ts";
import {
  isListening,
  type Peer,
  peerOf,
  send,
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
} from "../protocol.ts";

/** What was taken over of one bind. */
export interface TakenBind {
  readonly address: HostAddress;
  readonly socket: Descriptor;
  readonly backlog?: number;
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

/** A connection to the server whose place we take. */
export class Predecessor implements Disposable {
  readonly #socket: Descriptor;
  readonly #path: string;
  #requests = 0;

  private constructor(socket: Descriptor, path: string) {
    this.#socket = socket;
    this.#path = path;
  }

  /** Connects; `undefined` when nobody listens at the path. */
  static connect(path: string): Predecessor | undefined {
    const address: UnixAddress = { family: "unix", path };
    const socket = streamSocket(address);
    const errno = tryConnect(socket.fd, address);
    if (errno === 0) return new Predecessor(socket, path);
    socket.close();
    return undefined;
  }

  /** The process that listens there. */
  get peer(): Peer {
    return peerOf(this.#socket.fd);
  }

  /** Everything it holds, or `undefined` when it cannot list that (Ruby). */
  list(): readonly BindParams[] | undefined {
    const { answer, descriptors } = this.#ask({ method: "list" });
    closeAll(descriptors);
    if (answer.error?.code === ErrorCode.METHOD_NOT_FOUND) return undefined;
    if (answer.error !== undefined) throw this.#refused("list", answer);
    return (answer.result as BindDescription[]).map(({ address, options }) => ({
      ...paramsOf(readTcpAddress(address)),
      ...options,
    }));
  }

  /** The socket of one address. */
  take(params: BindParams): TakenBind {
    const { answer, descriptors } = this.#ask({
      method: "bind",
      params: [params],
    });
    const [socket, ...surplus] = descriptors;
    const subject = `${params.address}:${params.port}`;
    try {
      if (answer.error !== undefined) throw this.#refused(subject, answer);
      if (socket === undefined || surplus.length > 0) {
        throw new TakeoverError(
          `${this.#path} sent ${descriptors.length} descriptors for ${subject}, not 1`,
        );
      }
      if (!isListening(socket.fd)) {
        throw new TakeoverError(`the socket for ${subject} does not listen`);
      }
    } catch (error) {
      closeAll(descriptors);
      throw error;
    }
    return {
      address: {
        kind: "tcp",
        host: hostOf(socket, params),
        port: params.port ?? 0,
        v6only: params.v6only ?? true,
      },
      socket,
      ...(params.backlog !== undefined && { backlog: params.backlog }),
    };
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

/** The host as a number: a name is bound to what the other server resolved. */
function hostOf({ fd }: Descriptor, { address = "" }: BindParams): string {
  if (canonicalHost(address) !== undefined) return address;
  const bound = localAddress(fd);
  return bound.family === "unix" ? address : bound.host;
}

/** What asks for an address; the Ruby server does not know `v6only`. */
export function paramsOf({ host, port, v6only }: HostAddress): BindParams {
  return { address: host, port, ...(!v6only && { v6only }) };
}

/**
 * The address of a socket that can be taken over.
 *
 * @throws {TakeoverError} for one of a kind that this daemon does not serve.
 * @throws {AddressError} for a text that is none.
 */
export function readTcpAddress(text: string): HostAddress {
  const address = parseAddress(text);
  if (hasHost(address) && address.kind === "tcp") return address;
  throw new TakeoverError(
    `${formatAddress(address)} cannot be taken over: only tcp is served`,
  );
}
