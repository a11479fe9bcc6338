/**
 * The connection of a takeover to the running server, which is this daemon or a
 * Ruby multibinder.
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
} from "../../address.ts";
import { type Call, exchangeRequest, ProtocolError } from "../../exchange.ts";
import { closeAll, type Descriptor } from "../../ffi/files/descriptor.ts";
import { Errno, OsError } from "../../ffi/libc/errno.ts";
import type { FileIdentity } from "../../ffi/files/file.ts";
import { socketInode } from "../../ffi/sockets/accept_queue.ts";
import { waitReadySync } from "../../ffi/files/readiness.ts";
import {
  type Peer,
  peerOf,
  socketKind,
  streamSocket,
  tryConnect,
} from "../../ffi/sockets/socket.ts";
import {
  canonicalHost,
  localAddress,
  type UnixAddress,
} from "../../ffi/sockets/socket_address.ts";
import {
  type Answer,
  type BindDescription,
  type BindParams,
  ErrorCode,
  type WireOptions,
} from "../../protocol.ts";
import { readBindOptions } from "../sockets/bind_options.ts";
import type { LastPeer } from "../sockets/bind_table.ts";

/** A socket to ask for. */
export interface WantedBind {
  readonly params: BindParams;
  /** The file at its path, according to that server. */
  readonly file?: FileIdentity | undefined;
  /** The port that the kernel chose for port 0, according to that server. */
  readonly port?: number | undefined;
  /** The last client that received it, according to that server. */
  readonly lastPeer?: LastPeer | undefined;
  /** The inode of the socket, if that server has listed it. */
  readonly inode?: string | undefined;
}

/** A socket that was taken over. */
export interface TakenBind {
  readonly address: Address;
  readonly socket: Descriptor;
  /** Undefined if it was not listed, or not with this file. */
  readonly file: FileIdentity | undefined;
  readonly port: number | undefined;
  readonly lastPeer: LastPeer | undefined;
  readonly options: WireOptions;
}

/** The running server does not hand over its sockets. */
export class TakeoverError extends Error {
  /** `TakeoverError`. */
  override readonly name = "TakeoverError";
}

/** Time to wait for an answer, in ms: a Ruby server serves one client at a time. */
const ANSWER_TIMEOUT = 30_000;

/** Errors of connect(2) if no server listens. */
const NO_SERVER: ReadonlySet<number> = new Set([
  Errno.ENOENT,
  Errno.ECONNREFUSED,
]);

/** A connection to the running server. */
export class TakeoverClient implements Disposable {
  readonly #socket: Descriptor;
  readonly #path: string;

  private constructor(socket: Descriptor, path: string) {
    this.#socket = socket;
    this.#path = path;
  }

  /**
   * Connects; `undefined` if no server listens at the path.
   *
   * @throws {OsError} EACCES and other errors that leave it open whether a server
   * listens.
   */
  static connect(path: string): TakeoverClient | undefined {
    const address: UnixAddress = { family: "unix", path };
    const socket = streamSocket(address);
    while (true) {
      const errno = tryConnect(socket.fd, address);
      if (errno === 0) return new TakeoverClient(socket, path);
      if (errno === Errno.EINTR) continue;
      socket.close();
      if (NO_SERVER.has(errno)) return undefined;
      throw new OsError("connect", errno, path);
    }
  }

  /** Credentials of the server's process. */
  get peer(): Peer {
    return peerOf(this.#socket.fd);
  }

  /** Every bind of the server; `undefined` if it has no `list` (Ruby). */
  list(): readonly WantedBind[] | undefined {
    const { answer, descriptors } = this.#ask({ method: "list" });
    closeAll(descriptors);
    if (answer.error?.code === ErrorCode.METHOD_NOT_FOUND) return undefined;
    if (answer.error !== undefined) throw this.#refused("list", answer);
    return (answer.result as BindDescription[]).map(listedBind);
  }

  /**
   * Asks for one socket. `undefined` if that server holds it but cannot hand it
   * out, because a holder has damaged it.
   */
  take(wanted: WantedBind): TakenBind | undefined {
    const { params, file, port, lastPeer, inode } = wanted;
    const { answer, descriptors } = this.#ask({
      method: "bind",
      params: [params],
    });
    const [socket, ...surplus] = descriptors;
    const asked = addressOf(params);
    const subject = formatAddress(asked);
    try {
      if (inode !== undefined && isDamaged(answer)) return undefined;
      if (answer.error !== undefined) throw this.#refused(subject, answer);
      if (socket === undefined || surplus.length > 0) {
        throw new TakeoverError(
          `the server on ${this.#path} sent ${descriptors.length} descriptors for ${subject}, expected 1`,
        );
      }
      if (socketKind(socket.fd) !== asked.kind) {
        throw new TakeoverError(`the socket for ${subject} has another kind`);
      }
      const address = hasHost(asked) ? numericOf(asked, socket) : asked;
      return {
        address,
        socket,
        // That server may have bound the socket anew since it was listed.
        file: socketInode(socket.fd) === inode ? file : undefined,
        port,
        lastPeer,
        options: optionsOf(params, address.kind),
      };
    } catch (error) {
      closeAll(descriptors);
      throw error;
    }
  }

  #refused(subject: string, { error }: Answer): TakeoverError {
    return new TakeoverError(
      `the server on ${this.#path} refused ${subject}: ${error?.message}`,
    );
  }

  #ask(call: Call): { answer: Answer; descriptors: Descriptor[] } {
    const exchange = exchangeRequest(this.#socket.fd, call);
    try {
      let step = exchange.next();
      while (!step.done) {
        const { fd, readiness, missing } = step.value;
        step = waitReadySync(fd, readiness, ANSWER_TIMEOUT)
          ? exchange.next()
          : exchange.throw(this.#timeout(missing));
      }
      return step.value;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      throw new TakeoverError(`the server on ${this.#path}: ${error.message}`, {
        cause: error,
      });
    }
  }

  #timeout(missing: string): TakeoverError {
    return new TakeoverError(
      `the server on ${this.#path} did not answer within ${ANSWER_TIMEOUT} ms: ${missing}`,
    );
  }

  /** Disconnects. */
  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

/** Replaces a host name with the address to which the server has bound it. */
function numericOf(address: HostAddress, { fd }: Descriptor): HostAddress {
  const numeric = canonicalHost(address.host);
  if (numeric !== undefined) return { ...address, host: numeric.host };
  const bound = localAddress(fd);
  return bound.family === "unix" ? address : { ...address, host: bound.host };
}

/** Whether that server cannot hand out the socket, now or later. */
function isDamaged({ error }: Answer): boolean {
  const { data } = error ?? {};
  return typeof data === "object" && data !== null && "damage" in data;
}

function listedBind(
  { address, bound, options, requested_backlog, inode, file, last_peer }:
    BindDescription,
): WantedBind {
  const { params } = wantedBind(parseAddress(address));
  const bind = bound === undefined ? undefined : parseAddress(bound);
  return {
    params: {
      ...params,
      ...options,
      ...(requested_backlog !== undefined && { backlog: requested_backlog }),
    },
    file,
    port: bind && hasHost(bind) ? bind.port : undefined,
    lastPeer: last_peer && { ...last_peer, at: Date.parse(last_peer.at) },
    inode,
  };
}

/** The options that this release knows: a newer server may have more. */
function optionsOf(params: BindParams, kind: Kind): WireOptions {
  const { v6only: _, device: __, ...options } = readBindOptions(
    { ...params },
    kind,
  );
  return options;
}

/** The params of an address. The Ruby server reads only address and port. */
export function wantedBind(address: Address): WantedBind {
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
