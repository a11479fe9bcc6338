import type { Address } from "../address.ts";
import type { Peer } from "../ffi/socket.ts";
import type { ErrorObject } from "../protocol.ts";

/** One request, from its arrival to its answer. */
export interface RequestTrace {
  /** It was answered with a result. */
  succeeded(): void;
  /** It was answered with a socket; `isNew` tells whether it was bound for it. */
  granted(address: Address, isNew: boolean): void;
  /** It was answered with an error. */
  failed(error: ErrorObject): void;
}

/** Where requests are traced. */
export interface Tracing {
  /** A request of `peer` has come; `method` is missing where it names none. */
  begin(method: string | undefined, peer: Peer): RequestTrace;
}
