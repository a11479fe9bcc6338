import { type Address, hasHost } from "../../address.ts";
import { type Call, ConnectionLost, ProtocolError } from "../../exchange.ts";
import { closeAll, type Descriptor } from "../../ffi/files/descriptor.ts";
import {
  type BindDescription,
  type BindParams,
  ErrorCode,
  type Status,
} from "../../protocol.ts";
import { Binding } from "../binding/binding.ts";
import { BindError } from "./errors.ts";
import {
  connectTo,
  exchange,
  exchangeBatch,
  type Success,
} from "./daemon_calls.ts";
import { withAddress } from "./error_with_address.ts";
import { type SocketOptions, wireOptions } from "./options.ts";
import type { Steps } from "./waiting.ts";

const RETRY_PAUSE = 10;

/** A socket to request. */
export interface WantedSocket {
  address: Address;
  options: SocketOptions;
}

/** A connection to the daemon. It reconnects when the daemon has closed it. */
export class ClientConnection implements Disposable {
  #socket: Descriptor | undefined;

  /**
   * Does not connect yet: the first call does.
   *
   * @param isPatient whether to wait for a daemon that does not listen yet
   */
  constructor(readonly path: string, readonly isPatient = true) {}

  /** Connects unless it is connected. */
  *open(): Steps<Descriptor> {
    return this.#socket ??= yield* connectTo(this.path, this.isPatient);
  }

  /**
   * Sends a request and receives its answer. Every method is idempotent: if the
   * connection is lost before the answer, the request is sent again.
   */
  *ask(call: Call): Steps<Success> {
    while (true) {
      try {
        return yield* this.#once((socket) => exchange(socket, call));
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
        yield { pause: RETRY_PAUSE, missing: error.message };
      }
    }
  }

  *#once<T>(exchanged: (socket: Descriptor) => Steps<T>): Steps<T> {
    try {
      return yield* exchanged(yield* this.open());
    } catch (error) {
      // Without a complete answer the stream position is unknown.
      if (!(error instanceof BindError)) this.close();
      throw error;
    }
  }

  /** Requests a socket. */
  *bind(address: Address, options: SocketOptions): Steps<Binding> {
    const params = [bindParams(address, options)];
    const { descriptors } = yield* this.ask({ method: "bind", params });
    return bindingsFrom(descriptors, [address])[0]!;
  }

  /**
   * Requests several sockets: all of them or none. A Ruby server does not know
   * batches and closes the connection. It then gets one request after the other,
   * and keeps the sockets that it bound before one failed.
   */
  *bindAll(wanted: readonly WantedSocket[]): Steps<Binding[]> {
    if (wanted.length === 0) return [];
    const calls = wanted.map(({ address, options }) => ({
      method: "bind",
      params: [bindParams(address, options)],
      about: address,
    }));
    while (true) {
      try {
        const descriptors = yield* this.#once((socket) =>
          exchangeBatch(socket, calls)
        );
        return bindingsFrom(descriptors, wanted.map(({ address }) => address));
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
        if (yield* this.#isRubyServer()) return yield* this.#bindEach(wanted);
        yield { pause: RETRY_PAUSE, missing: error.message };
      }
    }
  }

  /** Whether the server is a Ruby one, which has no method `status`. */
  *#isRubyServer(): Steps<boolean> {
    try {
      yield* this.status();
      return false;
    } catch (error) {
      if (!(error instanceof BindError)) throw error;
      return error.code === ErrorCode.METHOD_NOT_FOUND;
    }
  }

  *#bindEach(wanted: readonly WantedSocket[]): Steps<Binding[]> {
    const bindings: Binding[] = [];
    try {
      for (const { address, options } of wanted) {
        try {
          bindings.push(yield* this.bind(address, options));
        } catch (error) {
          throw withAddress(error, address);
        }
      }
      return bindings;
    } catch (error) {
      for (const binding of bindings) binding.close();
      throw error;
    }
  }

  /** Requests the list of binds. */
  *list(): Steps<BindDescription[]> {
    const { result, descriptors } = yield* this.ask({ method: "list" });
    closeAll(descriptors);
    if (!Array.isArray(result)) {
      throw new ProtocolError("the daemon's list is not an array");
    }
    return result;
  }

  /** Makes the daemon close its copy of a socket. */
  *release(
    address: Address,
    options: Pick<SocketOptions, "v6only" | "device" | "shard">,
  ): Steps<void> {
    const params = [bindParams(address, options)];
    const { descriptors } = yield* this.ask({ method: "release", params });
    closeAll(descriptors);
  }

  /** Requests the daemon's status. */
  *status(): Steps<Status> {
    const { result, descriptors } = yield* this.ask({ method: "status" });
    closeAll(descriptors);
    if (typeof result !== "object" || result === null) {
      throw new ProtocolError("the daemon's status is not an object");
    }
    return result as Status;
  }

  /** Closes the connection. */
  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  /** Same as {@linkcode ClientConnection.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Makes Bindings of the descriptors of an answer. Closes all of them if their
 * number or kind is not the requested one.
 */
function bindingsFrom(
  descriptors: readonly Descriptor[],
  wanted: readonly Address[],
): Binding[] {
  const bindings: Binding[] = [];
  try {
    const { length } = descriptors;
    if (length !== wanted.length) {
      throw new ProtocolError(
        `the daemon sent ${length} descriptors with its answer, not ${wanted.length}`,
      );
    }
    for (const [index, descriptor] of descriptors.entries()) {
      const binding = Binding.from(descriptor.fd);
      bindings.push(binding);
      descriptor.release();
      const { kind } = wanted[index]!;
      if (binding.kind !== kind) {
        throw new ProtocolError(
          `the daemon sent a socket of kind ${binding.kind}, not ${kind}`,
        );
      }
    }
    return bindings;
  } catch (cause) {
    for (const binding of bindings) binding.close();
    closeAll(descriptors.filter(({ closed }) => !closed));
    if (cause instanceof ProtocolError) throw cause;
    throw new ProtocolError(
      `the daemon sent a descriptor that is not a listening socket: ${cause}`,
      { cause },
    );
  }
}

/**
 * The first parameter of a request. It leaves out a default `kind` and `v6only`,
 * which the Ruby server does not know.
 */
function bindParams(address: Address, options: SocketOptions): BindParams {
  const others = wireOptions(options);
  if (!hasHost(address)) {
    return { kind: address.kind, path: address.path, ...others };
  }
  const v6only = options.v6only ?? address.v6only;
  const device = options.device ?? address.device;
  const shard = address.shard;
  return {
    ...(address.kind !== "tcp" && { kind: address.kind }),
    address: address.host,
    port: address.port,
    ...(!v6only && { v6only }),
    ...(device !== undefined && { device }),
    ...(shard !== undefined && { shard }),
    ...others,
  };
}
