import type { BindDescription, Status } from "../../protocol.ts";
import type { Binding } from "../binding/binding.ts";
import { readRequests, type SocketRequest } from "./bind_all.ts";
import { checkOptions } from "./known_options.ts";
import { ClientConnection } from "./client_connection.ts";
import {
  type CallOptions,
  type ConnectOptions,
  limitsOf,
  type SocketOptions,
} from "./options.ts";
import { socketPath } from "./socket_path.ts";
import { type AfterAddress, readTarget } from "./bind_arguments.ts";
import { run, type Steps } from "./waiting.ts";

/** Options of {@linkcode Session.release}: the first three select the socket. */
export interface ReleaseOptions
  extends CallOptions, Pick<SocketOptions, "v6only" | "device" | "shard"> {}

/**
 * A connection to the daemon for any number of calls.
 *
 * The session sends one request after the other. If the daemon has closed the
 * connection, the next call connects again. Each call waits up to `timeout`
 * (default: that of {@linkcode connect}, else 10000 ms).
 *
 * @example
 * ```ts no-eval
 * import { connect } from "jsr:@multibinder/client";
 *
 * using session = await connect();
 * using web = await session.bind("127.0.0.1", 8000);
 * ```
 */
export class Session implements Disposable {
  readonly #connection: ClientConnection;
  readonly #options: CallOptions;
  #last: Promise<void> = Promise.resolve();
  #closed = false;

  /** See {@linkcode connect}. */
  constructor(connection: ClientConnection, options: CallOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** Like the function {@linkcode bind}, on this connection. */
  bind(
    address: string,
    port: number,
    options?: SocketOptions & CallOptions,
  ): Promise<Binding>;
  /** Like the function {@linkcode bind}, on this connection. */
  bind(
    address: string,
    options?: SocketOptions & CallOptions,
  ): Promise<Binding>;
  bind(
    address: string,
    ...rest: AfterAddress<SocketOptions & CallOptions>
  ): Promise<Binding> {
    const { target, options } = readTarget(address, rest);
    checkOptions("session.bind", options);
    return this.#call(this.#connection.bind(target, options), options);
  }

  /** Like the function {@linkcode bindAll}, on this connection. */
  bindAll(
    requests: readonly (string | SocketRequest)[],
    options: CallOptions = {},
  ): Promise<Binding[]> {
    checkOptions("session.bindAll", options);
    return this.#call(
      this.#connection.bindAll(readRequests(requests)),
      options,
    );
  }

  /**
   * Lists the sockets that the daemon holds, in the order of their binds.
   *
   * `waiting` is the number of connections in the accept queue. An older daemon
   * leaves out `inode` and `waiting`. {@linkcode holdersOf} finds the other
   * processes that hold the sockets.
   *
   * @throws {BindError} 10001 when the policy denies it.
   *
   * @example
   * ```ts no-eval
   * import { connect } from "jsr:@multibinder/client";
   *
   * using session = await connect();
   * for (const { address, kind, waiting } of await session.list()) {
   *   console.log(kind, address, waiting ?? "-");
   * }
   * ```
   */
  list(options: CallOptions = {}): Promise<BindDescription[]> {
    checkOptions("session.list", options);
    return this.#call(this.#connection.list(), options);
  }

  /**
   * Makes the daemon close its copy of a socket.
   *
   * Other processes keep their copies: the address is free when the last copy is
   * closed. `v6only`, `device` and `shard` are part of the address: pass the values
   * that `list` shows.
   *
   * @throws {BindError} 10004 when the daemon has no such bind; 10001 when the
   * policy denies it.
   *
   * @example
   * ```ts no-eval
   * import { connect } from "jsr:@multibinder/client";
   *
   * using session = await connect();
   * await session.release("127.0.0.1:8000");
   * await session.release("unix:/run/web.sock");
   * ```
   */
  release(
    address: string,
    port: number,
    options?: ReleaseOptions,
  ): Promise<void>;
  /** Takes host and port as one string. */
  release(address: string, options?: ReleaseOptions): Promise<void>;
  release(
    address: string,
    ...rest: AfterAddress<ReleaseOptions>
  ): Promise<void> {
    const { target, options } = readTarget(address, rest);
    return this.#call(this.#connection.release(target, options), options);
  }

  /**
   * Asks for the daemon's status.
   *
   * It has version, generation, limits and their use, requests and errors by
   * method, refused clients and requests, memory in bytes and the policy. Each
   * generation counts from 0. An older daemon leaves fields out.
   *
   * @throws {BindError} 10001 when the policy denies it.
   *
   * @example
   * ```ts no-eval
   * import { connect } from "jsr:@multibinder/client";
   *
   * using session = await connect();
   * const { generation, descriptors } = await session.status();
   * console.log(generation, descriptors.limit - descriptors.open, "left");
   * ```
   */
  status(options: CallOptions = {}): Promise<Status> {
    checkOptions("session.status", options);
    return this.#call(this.#connection.status(), options);
  }

  async #call<T>(work: Steps<T>, options: CallOptions): Promise<T> {
    if (this.#closed) throw new TypeError("the session is closed");
    const limits = limitsOf({ ...this.#options, ...options });
    const previous = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = previous.then(() => promise);
    try {
      return await run(this.#after(previous, work), limits);
    } finally {
      resolve();
    }
  }

  *#after<T>(previous: Promise<void>, work: Steps<T>): Steps<T> {
    let hasEnded = false;
    previous.then(() => hasEnded = true);
    while (!hasEnded) {
      yield { until: previous, missing: "an earlier call has not ended" };
    }
    return yield* work;
  }

  /** Closes the connection after the calls under way. */
  close(): void {
    this.#closed = true;
    this.#last = this.#last.then(() => this.#connection.close());
  }

  /** Same as {@linkcode Session.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Connects to the daemon, and waits for a daemon that is not up yet.
 *
 * `timeout` is in ms (default: 10000); it is also the default of the session's
 * calls. `connect` needs only the permission `--allow-ffi` for the C library.
 *
 * @throws {TypeError} for an unknown option, or when neither `sock` nor
 * `MULTIBINDER_SOCK` names the control socket.
 * @throws {TimeoutError} when no daemon accepts the connection within `timeout`.
 * @throws {OsError} when connect(2) fails, such as EACCES.
 * @throws {SocketAddressError} when the path is too long, or is not a socket.
 *
 * @example
 * ```ts no-eval
 * import { connect } from "jsr:@multibinder/client";
 *
 * using session = await connect({ sock: "/run/multibinder.sock" });
 * using http = await session.bind(":80");
 * using https = await session.bind(":443");
 * console.log((await session.status()).generation);
 * ```
 */
export function connect(options: ConnectOptions = {}): Promise<Session> {
  return connectWith(options, true);
}

/**
 * Like {@linkcode connect}, for a daemon that listens already.
 *
 * @throws {OsError} when connect(2) fails: ENOENT or ECONNREFUSED without a daemon.
 */
export function connectToRunning(options: ConnectOptions): Promise<Session> {
  return connectWith(options, false);
}

async function connectWith(
  options: ConnectOptions,
  isPatient: boolean,
): Promise<Session> {
  checkOptions("connect", options);
  const connection = new ClientConnection(
    socketPath(options.sock),
    isPatient,
  );
  await run(connection.open(), limitsOf(options));
  const { timeout } = options;
  return new Session(connection, timeout === undefined ? {} : { timeout });
}
