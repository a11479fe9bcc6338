import type { BindDescription, Status } from "../../protocol.ts";
import type { Binding } from "../binding/binding.ts";
import { readRequests, type SocketRequest } from "./bind_all.ts";
import { checkOptions } from "./known_options.ts";
import { Line } from "./client_connection.ts";
import {
  type CallOptions,
  type ConnectOptions,
  limitsOf,
  type SocketOptions,
} from "./options.ts";
import { socketPath } from "./socket_path.ts";
import { type AfterAddress, readTarget } from "./bind_arguments.ts";
import { run, type Steps } from "./waiting.ts";

/** Options of {@linkcode Session.release}: which socket of an address it is. */
export interface ReleaseOptions
  extends CallOptions, Pick<SocketOptions, "v6only" | "device"> {}

/**
 * One connection for any number of calls, which go out one after the other.
 * Should the daemon have dropped it meanwhile, the next call connects again.
 */
export class Session implements Disposable {
  readonly #line: Line;
  readonly #options: CallOptions;
  #last: Promise<void> = Promise.resolve();
  #closed = false;

  /** See {@linkcode connect}. */
  constructor(line: Line, options: CallOptions) {
    this.#line = line;
    this.#options = options;
  }

  /** As the function {@linkcode bind}. */
  bind(
    address: string,
    port: number,
    options?: SocketOptions & CallOptions,
  ): Promise<Binding>;
  /** As the function {@linkcode bind}. */
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
    return this.#call(this.#line.bind(target, options), options);
  }

  /** As the function {@linkcode bindAll}. */
  bindAll(
    requests: readonly (string | SocketRequest)[],
    options: CallOptions = {},
  ): Promise<Binding[]> {
    checkOptions("session.bindAll", options);
    return this.#call(this.#line.bindAll(readRequests(requests)), options);
  }

  /**
   * What the daemon holds, in the order it was bound: `kind` says what it is,
   * `waiting` how many connections wait to be accepted now. An older daemon
   * leaves out `inode` and `waiting`. Who else holds the sockets is not the
   * daemon's to know: see {@linkcode holdersOf}.
   *
   * @throws {BindError} 10001 when the policy says no.
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
    return this.#call(this.#line.list(), options);
  }

  /**
   * The daemon closes its copy of a socket. Whoever was handed one keeps it:
   * the address is free when the last has closed it. Of the options of a bind,
   * such as `list` shows them, `v6only` and `device` count, which are part of
   * the address.
   *
   * @throws {BindError} 10004 when nothing is bound to that address; 10001 when
   * the policy says no.
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
  /** The same with the address in one text. */
  release(address: string, options?: ReleaseOptions): Promise<void>;
  release(
    address: string,
    ...rest: AfterAddress<ReleaseOptions>
  ): Promise<void> {
    const { target, options } = readTarget(address, rest);
    return this.#call(this.#line.release(target, options), options);
  }

  /**
   * How the daemon is: version, generation, what it holds of what it may,
   * requests and errors by method, who was turned away, memory, policy. The
   * counters begin with each generation. An older daemon leaves fields out.
   *
   * @throws {BindError} 10001 when the policy says no.
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
    return this.#call(this.#line.status(), options);
  }

  async #call<T>(work: Steps<T>, options: CallOptions): Promise<T> {
    if (this.#closed) throw new TypeError("the session is closed");
    const limits = limitsOf({ ...this.#options, ...options });
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = before.then(() => promise);
    try {
      return await run(this.#inTurn(before, work), limits);
    } finally {
      resolve();
    }
  }

  *#inTurn<T>(before: Promise<void>, work: Steps<T>): Steps<T> {
    let isOurs = false;
    before.then(() => isOurs = true);
    while (!isOurs) {
      yield { turn: before, missing: "an earlier call has not ended" };
    }
    return yield* work;
  }

  /** Hangs up, when the calls under way have ended. */
  close(): void {
    this.#closed = true;
    this.#last = this.#last.then(() => this.#line.close());
  }

  /** Same as {@linkcode Session.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Connects to the daemon, waiting for one that is not up yet. It needs
 * `--allow-ffi` for the C library and nothing else.
 *
 * @throws {TypeError} when no option and no variable names the control socket.
 * @throws {TimeoutError} when nobody listens on it within `timeout`.
 * @throws {OsError} EACCES and the like.
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
export async function connect(options: ConnectOptions = {}): Promise<Session> {
  checkOptions("connect", options);
  const line = new Line(socketPath(options.sock));
  await run(line.open(), limitsOf(options));
  const { timeout } = options;
  return new Session(line, timeout === undefined ? {} : { timeout });
}
