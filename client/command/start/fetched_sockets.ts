import { formatDuration } from "../../../duration.ts";
import { Descriptor, setNonblocking } from "../../../ffi/files/descriptor.ts";
import type { BindOptions } from "../../session/bind.ts";
import { type ConnectOptions, limitsOf } from "../../session/options.ts";
import { connect, type Session } from "../../session/session.ts";
import { socketPath } from "../../session/socket_path.ts";
import { withNotice } from "../ask_daemon.ts";
import type { RequestedSocket } from "./launch.ts";
import {
  canBeSharded,
  type CommandSocketOptions,
  optionsFor,
  type Shard,
} from "../options/socket_options.ts";

/** The daemon did not hand over a socket. */
export class FetchError extends Error {
  /** `FetchError`. */
  override readonly name = "FetchError";

  /** `address` is the requested address, `cause` the error. */
  constructor(readonly address: string, override readonly cause: Error) {
    super(`${address}: ${cause.message}`);
  }
}

/** Options of {@linkcode FetchedSockets.fetch}. */
export interface FetchOptions extends ConnectOptions {
  /** Whether to set O_NONBLOCK, which affects every holder of a socket. */
  nonblocking: boolean;
  /** Hears what the daemon has not done, if that takes more than a second. */
  notice: (line: string) => void;
  /** Each option applies to the kinds of socket that have it. */
  socketOptions: CommandSocketOptions;
  /** Which socket of each TCP address. Default: the only one. */
  shard?: Shard;
}

/** Sockets that the daemon has handed over. They are close-on-exec. */
export class FetchedSockets implements Disposable {
  readonly #copies = new DisposableStack();
  readonly #descriptors: number[] = [];

  private constructor() {}

  /**
   * Asks for each socket, in order, on one connection.
   *
   * @throws {FetchError} if a socket is refused.
   * @throws {TimeoutError} if there is no daemon.
   */
  static async fetch(
    requested: readonly RequestedSocket[],
    { nonblocking, socketOptions, shard, notice, ...options }: FetchOptions,
  ): Promise<FetchedSockets> {
    const { timeout } = limitsOf(options);
    const noticed = <T>(what: string, work: Promise<T>) =>
      withNotice(
        work,
        () => notice(`waiting up to ${formatDuration(timeout)} ${what}`),
      );
    const path = socketPath(options.sock);
    using session = await noticed(
      `for a daemon that listens on ${path}`,
      connect(options),
    );
    const sockets = new FetchedSockets();
    try {
      for (const { address } of requested) {
        const taking = sockets.#take(session, address, {
          ...options,
          ...optionsFor(address, socketOptions),
          ...(canBeSharded(address) && shard),
        });
        const what = `for ${address} from the daemon at ${path}`;
        const fd = await noticed(what, taking);
        if (nonblocking) setNonblocking(fd, true);
      }
      return sockets;
    } catch (error) {
      sockets[Symbol.dispose]();
      throw error;
    }
  }

  async #take(
    session: Session,
    address: string,
    { sock: _, ...options }: BindOptions,
  ): Promise<number> {
    try {
      using binding = await session.bind(address, options);
      const copy = this.#copies.use(new Descriptor(binding.dup()));
      this.#descriptors.push(copy.fd);
      return copy.fd;
    } catch (cause) {
      if (!(cause instanceof Error) || options.signal?.aborted) throw cause;
      throw new FetchError(address, cause);
    }
  }

  /** The descriptors, in the order of the requests. */
  get descriptors(): readonly number[] {
    return this.#descriptors;
  }

  /** Closes this program's copies. */
  [Symbol.dispose](): void {
    this.#copies.dispose();
  }
}
