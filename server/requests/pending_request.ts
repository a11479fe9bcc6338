import type { RequestId } from "../../protocol.ts";
import type { Client } from "../policy/authorization.ts";
import type { Grant } from "./bind_method.ts";
import type { BindRequest, ResolvedBind } from "./bind_params.ts";

/** A method with its params, of which all names are looked up. */
export type Call =
  | { readonly method: "bind"; readonly bind: ResolvedBind }
  | { readonly method: "release"; readonly bind: ResolvedBind }
  | { readonly method: "list" | "status" };

/** The state of a request. */
export type RequestState =
  /** Names in its params have to be looked up. */
  | {
    readonly name: "unresolved";
    readonly method: "bind" | "release";
    readonly bind: BindRequest;
  }
  /** It can be performed. */
  | { readonly name: "ready"; readonly call: Call }
  /** A `bind` of an address that a released socket may still occupy. */
  | { readonly name: "delayed"; readonly call: Call }
  /** A `bind` that succeeded. */
  | { readonly name: "granted"; readonly grant: Grant }
  /** Any other method that succeeded. */
  | { readonly name: "done"; readonly result: unknown }
  /** The answer is an error. */
  | { readonly name: "failed"; readonly error: unknown };

/** A request that is not answered yet. */
export interface PendingRequest {
  /** Null if the request has no valid id. */
  readonly id: RequestId;
  /** As the client wrote it; undefined if the request has none. */
  readonly method: string | undefined;
  readonly client: Client;
  state: RequestState;
}
