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
import { namingAddress } from "./error_with_address.ts";
import { type SocketOptions, wireOptions } from "./options.ts";
import type { Steps } from "./waiting.ts";

const RETRY_PAUSE = 10;

/** A socket that is to be asked for. */
export interface WantedSocket {
  address: Address;
  options: SocketOptions;
}

/** A connection to the daemon, made anew when the daemon has dropped it. */
export class Line implements Disposable {
  #socket: Descriptor | undefined;

  /** Connects with the first call. */
  constructor(readonly path: string) {}

  /** Connects unless it is connected. */
  *open(): Steps<Descriptor> {
    return this.#socket ??= yield* connectTo(this.path);
  }

  /**
   * Asks the daemon. Every method may be repeated with the same effect, so a
   * request whose connection is lost before the answer is sent again.
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
      // After anything but an answer nobody knows where the next one begins.
      if (!(error instanceof BindError)) this.close();
      throw error;
    }
  }

  /** Asks for a socket. */
  *bind(address: Address, options: SocketOptions): Steps<Binding> {
    const params = [bindParams(address, options)];
    const { descriptors } = yield* this.ask({ method: "bind", params });
    return bindingsFrom(descriptors, [address])[0]!;
  }

  /**
   * Asks for several sockets: all of them or none. A Ruby server hangs up on a
   * batch, which it does not know, and is asked for one after the other; what
   * it bound before one failed it keeps.
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
        if (yield* this.#isOlder()) return yield* this.#bindEach(wanted);
        yield { pause: RETRY_PAUSE, missing: error.message };
      }
    }
  }

  /** Whether the server has no `status`, nor anything else of ours. */
  *#isOlder(): Steps<boolean> {
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
          throw namingAddress(error, address);
        }
      }
      return bindings;
    } catch (error) {
      for (const binding of bindings) binding.close();
      throw error;
    }
  }

  /** Asks what the daemon holds. */
  *list(): Steps<BindDescription[]> {
    const { result, descriptors } = yield* this.ask({ method: "list" });
    closeAll(descriptors);
    if (!Array.isArray(result)) {
      throw new ProtocolError("the daemon's list is no array");
    }
    return result;
  }

  /** Has the daemon close its copy of a socket. */
  *release(
    address: Address,
    options: Pick<SocketOptions, "v6only" | "device">,
  ): Steps<void> {
    const params = [bindParams(address, options)];
    const { descriptors } = yield* this.ask({ method: "release", params });
    closeAll(descriptors);
  }

  /** Asks how the daemon is. */
  *status(): Steps<Status> {
    const { result, descriptors } = yield* this.ask({ method: "status" });
    closeAll(descriptors);
    if (typeof result !== "object" || result === null) {
      throw new ProtocolError("the daemon's status is no object");
    }
    return result as Status;
  }

  /** Hangs up. */
  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  /** Same as {@linkcode Line.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * The sockets that came with an answer, as many as were asked for; anything
 * else is a mistake of the daemon's, and closed.
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
      `the daemon sent something else than a listening socket: ${cause}`,
      { cause },
    );
  }
}

/**
 * The request's first parameter. What is as the Ruby server assumes it is left
 * out: it knows neither `kind` nor `v6only`.
 */
function bindParams(address: Address, options: SocketOptions): BindParams {
  const others = wireOptions(options);
  if (!hasHost(address)) {
    return { kind: address.kind, path: address.path, ...others };
  }
  const v6only = options.v6only ?? address.v6only;
  const device = options.device ?? address.device;
  return {
    ...(address.kind !== "tcp" && { kind: address.kind }),
    address: address.host,
    port: address.port,
    ...(!v6only && { v6only }),
    ...(device !== undefined && { device }),
    ...others,
  };
}
