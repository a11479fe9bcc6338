import type { Kind } from "../../address.ts";
import type { FileIdentity } from "../../ffi/files/file.ts";
import {
  decodeMessage,
  DEFAULT_BACKLOG,
  encodeMessage,
  type RequestId,
  type WireOptions,
} from "../../protocol.ts";
import type { HandOver } from "../sockets/bind_table.ts";

/**
 * What one generation of the daemon hands to the next: every descriptor by
 * its number, which an exec keeps. A newer release may add fields, which an
 * older one passes over; a field that is missing has its default. `format`
 * changes only when that is not enough.
 */
export interface State {
  format: 1;
  /** Of the release that wrote it. */
  version: string;
  /** Of the generation that wrote it. */
  generation: number;
  started_at: string;
  /** `file` is missing where the service manager made the socket. */
  control: { fd: number; path: string; file?: FileIdentity };
  binds: BindState[];
  clients: ClientState[];
  /** The text of the policy in force, where there is one. */
  policy?: string | undefined;
}

/**
 * A held socket, with a host and a port or with a path. Times are in ms since
 * 1970.
 */
export interface BindState {
  fd: number;
  /** Default: `tcp`. */
  kind: Kind;
  /** In its canonical form. */
  host?: string | undefined;
  port?: number | undefined;
  /** Default: true. */
  v6only: boolean;
  device?: string | undefined;
  /** In its canonical form. */
  path?: string | undefined;
  /** The file at the path. */
  file?: FileIdentity | undefined;
  /** Default: 1000; null where it is not known. */
  backlog: number | null;
  /** The other options. */
  options?: WireOptions | undefined;
  bound_at: number;
  handed_out: number;
  last_peer?: HandOver | undefined;
}

/** A held socket as it is written: what has its default is left out. */
export type BindRecord =
  & Pick<BindState, "fd">
  & { [Field in keyof BindState]?: BindState[Field] | undefined };

/** A state as it is written. */
export type StateRecord = Omit<State, "binds"> & { binds: BindRecord[] };

/** A connected client. */
export interface ClientState {
  fd: number;
  /** It shut its side: what it sent is all there will be. */
  ended: boolean;
  /** Bytes of requests that are not answered, in base64. */
  received: string;
  /** Answers that have not gone, in base64, and what goes with each. */
  unsent: {
    bytes: string;
    descriptors: number[];
    /** Of the requests it answers. Default: null. */
    ids?: RequestId | RequestId[] | undefined;
  }[];
}

/** A state that this release cannot read. */
export class StateError extends Error {
  /** `StateError`. */
  override readonly name = "StateError";
}

/** The bytes of a state. */
export function encodeState(state: StateRecord): Uint8Array<ArrayBuffer> {
  return encodeMessage(state);
}

/**
 * Reads a state of this release or another.
 *
 * @throws {StateError} naming what is missing.
 */
export function decodeState(bytes: Uint8Array<ArrayBuffer>): State {
  let decoded: unknown;
  try {
    decoded = decodeMessage(bytes);
  } catch (cause) {
    throw new StateError("the state is not JSON", { cause });
  }
  if (!isObject(decoded)) throw new StateError("the state is no object");
  const state = decoded as Partial<State>;
  const { format }: { format?: unknown } = state;
  if (format !== 1) {
    const found = typeof format === "number" ? `format ${format}` : "no format";
    throw new StateError(`the state has ${found}, not 1`);
  }
  const { control } = state;
  if (
    typeof control?.fd !== "number" || typeof control.path !== "string"
  ) {
    throw new StateError("the state names no control socket");
  }
  if (control.file !== undefined && !isObject(control.file)) {
    throw new StateError("the state's control socket has no file");
  }
  return {
    format: 1,
    version: state.version ?? "unknown",
    generation: state.generation ?? 1,
    started_at: state.started_at ?? new Date().toISOString(),
    control,
    binds: listOf(state.binds, "binds").map(bindState),
    clients: listOf(state.clients, "clients").map(clientState),
    ...(typeof state.policy === "string" && { policy: state.policy }),
  };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listOf<T>(list: T[] | undefined, what: string): T[] {
  if (list === undefined) return [];
  if (Array.isArray(list) && list.every(isObject)) return list;
  throw new StateError(`the ${what} of the state are no list of objects`);
}

function descriptorOf(given: { fd?: number }, what: string): number {
  if (typeof given.fd !== "number") {
    throw new StateError(`${what} of the state has no descriptor`);
  }
  return given.fd;
}

/** Fills in what is missing; there may be thousands, so nothing is copied. */
function bindState(given: Partial<BindState>): BindState {
  const hasHost = typeof given.host === "string" &&
    typeof given.port === "number";
  if (!hasHost && typeof given.path !== "string") {
    throw new StateError("a bind of the state has no address");
  }
  descriptorOf(given, "a bind");
  given.kind ??= hasHost ? "tcp" : "unix";
  given.v6only ??= true;
  if (given.backlog === undefined) given.backlog = DEFAULT_BACKLOG;
  given.bound_at ??= Date.now();
  given.handed_out ??= 0;
  return given as BindState;
}

function clientState(given: Partial<ClientState>): ClientState {
  return {
    fd: descriptorOf(given, "a client"),
    ended: given.ended ?? false,
    received: given.received ?? "",
    unsent: given.unsent ?? [],
  };
}
