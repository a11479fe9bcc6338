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
import { socketInode } from "../../ffi/sockets/accept_queue.ts";
import { readBindOptions } from "../sockets/bind_options.ts";
import type { LastPeer } from "../sockets/bind_table.ts";

/** A socket to ask for. */
export interface WantedBind {
  readonly params: BindParams;
  /** What the server's list says about it; missing if it has no list. */
  readonly listed?: BindDescription;
}

/** A socket that was taken over. */
export interface TakenBind {
  readonly address: Address;
  readonly socket: Descriptor;
  /** Undefined if it was not listed, or not with this file. */
  readonly file: FileIdentity | undefined;
  readonly port?: number | undefined;
  readonly lastPeer?: LastPeer | undefined;
  readonly options: WireOptions;
}

/** A listed socket that was not taken over. */
export interface MissedBind {
  readonly address: Address;
  readonly reason: string;
}

/** The running server does not hand over its sockets. */
export class TakeoverError extends Error {
  /** `TakeoverError`. */
  override readonly name = "TakeoverError";
}

/** The running server answered with an error. */
class RefusedError extends TakeoverError {
  constructor(readonly code: number | undefined, message: string) {
    super(message);
  }
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
   * Asks for one socket. A listed socket that is not held any more is missed, so
   * that a user who replaces a directory of its path cannot have the server create
   * another one.
   *
   * @throws {TakeoverError} if the server refuses.
   */
  take(wanted: WantedBind): TakenBind | MissedBind {
    const { params, listed } = wanted;
    if (listed === undefined) return this.#receive(wanted, params);
    try {
      return this.#receive(wanted, { ...params, held: true });
    } catch (error) {
      const isMissed = error instanceof RefusedError &&
        error.code === ErrorCode.NO_SUCH_BIND;
      if (!isMissed) throw error;
      return missed(params, "it is not held any more");
    }
  }

  #receive(
    { params, listed }: WantedBind,
    sent: BindParams,
  ): TakenBind | MissedBind {
    const { answer, descriptors } = this.#ask({
      method: "bind",
      params: [sent],
    });
    const [socket, ...surplus] = descriptors;
    const asked = addressOf(params);
    const subject = formatAddress(asked);
    try {
      if (listed !== undefined && isDamaged(answer)) {
        return missed(params, answer.error!.message);
      }
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
      if (!isBoundTo(socket.fd, address)) {
        closeAll(descriptors);
        return missed(params, "it is bound to another address");
      }
      return {
        address,
        socket,
        // That server may have bound the socket anew since it was listed.
        file: socketInode(socket.fd) === listed?.inode
          ? listed?.file
          : undefined,
        ...listed === undefined ? {} : chosenBy(listed),
        options: optionsOf({ ...params, ...optionsIn(listed) }, address.kind),
      };
    } catch (error) {
      closeAll(descriptors);
      throw error;
    }
  }

  #refused(subject: string, { error }: Answer): RefusedError {
    return new RefusedError(
      error?.code,
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

function missed(params: BindParams, reason: string): MissedBind {
  return { address: addressOf(params), reason };
}

/** Whether a UNIX socket has this path. One with a host is healed otherwise. */
function isBoundTo(fd: number, address: Address): boolean {
  if (hasHost(address)) return true;
  const bound = localAddress(fd);
  return bound.family === "unix" && bound.path === address.path;
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

function listedBind(listed: BindDescription): WantedBind {
  const { params } = wantedBind(parseAddress(listed.address));
  const { v6only, device, shard } = listed.options;
  return {
    params: {
      ...params,
      ...(v6only !== undefined && { v6only }),
      ...(device !== undefined && { device }),
      ...(shard && { shard }),
    },
    listed,
  };
}

/** The options of a listed bind, with the backlog that was asked for. */
function optionsIn(listed: BindDescription | undefined): WireOptions {
  const backlog = listed?.requested_backlog;
  return {
    ...listed?.options,
    ...(backlog !== undefined && { backlog }),
  };
}

/** What cannot be read from the socket: the port for port 0, and its last client. */
function chosenBy(
  { bound, last_peer }: BindDescription,
): Pick<TakenBind, "port" | "lastPeer"> {
  const bind = bound === undefined ? undefined : parseAddress(bound);
  return {
    port: bind && hasHost(bind) ? bind.port : undefined,
    lastPeer: last_peer && { ...last_peer, at: Date.parse(last_peer.at) },
  };
}

/** The options that this release knows: a newer server may have more. */
function optionsOf(params: BindParams, kind: Kind): WireOptions {
  const { v6only: _, device: __, shard: ___, shards: ____, ...options } =
    readBindOptions({ ...params }, kind);
  return options;
}

/** The params of an address. The Ruby server reads only address and port. */
export function wantedBind(address: Address): WantedBind {
  if (!hasHost(address)) {
    return { params: { kind: address.kind, path: address.path } };
  }
  const { kind, host, port, v6only, device, shard } = address;
  return {
    params: {
      ...(kind !== "tcp" && { kind }),
      address: host,
      port,
      ...(!v6only && { v6only }),
      ...(device !== undefined && { device }),
      ...(shard !== undefined && { shard }),
    },
  };
}

function addressOf(params: BindParams): Address {
  const { kind = "tcp", address: host = "", port = 0, path = "" } = params;
  if (kind !== "tcp" && kind !== "udp") return { kind, path };
  const { v6only = true, device, shard } = params;
  return {
    kind,
    host,
    port,
    v6only,
    ...(device !== undefined && { device }),
    ...(shard && { shard }),
  };
}
