import { type Address, hasHost } from "../address.ts";
import { closeAll, type Descriptor } from "../ffi/descriptor.ts";
import type { BindDescription, BindParams, Status } from "../protocol.ts";
import { Binding } from "./binding.ts";
import { BindError, ConnectionLost, ProtocolError } from "./errors.ts";
import { type Call, connectTo, exchange, type Success } from "./exchange.ts";
import type { SocketOptions } from "./options.ts";
import type { Steps } from "./waiting.ts";

const RETRY_PAUSE = 10;

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
        return yield* exchange(yield* this.open(), call);
      } catch (error) {
        // After anything but an answer nobody knows where the next one begins.
        if (!(error instanceof BindError)) this.close();
        if (!(error instanceof ConnectionLost)) throw error;
        yield { pause: RETRY_PAUSE, missing: error.message };
      }
    }
  }

  /** Asks for a socket. */
  *bind(address: Address, options: SocketOptions): Steps<Binding> {
    const params = [bindParams(address, options)];
    const { descriptors } = yield* this.ask({ method: "bind", params });
    return bindingFrom(descriptors);
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
  *release(address: Address): Steps<void> {
    const params = [bindParams(address, {})];
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
 * The one listening socket that came with an answer; anything else is a
 * mistake of the daemon's, and closed.
 */
function bindingFrom(descriptors: readonly Descriptor[]): Binding {
  const [descriptor, ...surplus] = descriptors;
  try {
    if (descriptor === undefined || surplus.length > 0) {
      throw new ProtocolError(
        `the daemon sent ${descriptors.length} descriptors with its answer, not 1`,
      );
    }
    const binding = Binding.from(descriptor.fd);
    descriptor.release();
    return binding;
  } catch (cause) {
    closeAll(descriptors);
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
  const backlog = options.backlog === undefined
    ? {}
    : { backlog: options.backlog };
  if (!hasHost(address)) {
    return { kind: address.kind, path: address.path, ...backlog };
  }
  const v6only = options.v6only ?? address.v6only;
  return {
    ...(address.kind !== "tcp" && { kind: address.kind }),
    address: address.host,
    port: address.port,
    ...(!v6only && { v6only }),
    ...backlog,
  };
}
