import type { Kind } from "../../address.ts";
import type { FileIdentity } from "../../ffi/files/file.ts";
import {
  decodeMessage,
  DEFAULT_BACKLOG,
  encodeMessage,
  type WireOptions,
} from "../../protocol.ts";
import type { ReleasedShard } from "../sockets/shards/shard_places.ts";
import type { LastPeer } from "../sockets/bind_table.ts";

/**
 * The state that a generation of the daemon hands to the next. Descriptors are
 * numbers, which an exec preserves. A newer release may add fields, which an
 * older release ignores; a missing field has its default. `format` changes only
 * if that is not enough.
 */
export interface State {
  /**
   * 2 if there are shards beside socket 0: a release that does not know them must
   * refuse the state, because two of its binds cannot have one address.
   */
  format: 1 | 2;
  /** Version of the release that wrote the state. */
  version: string;
  /** Number of the generation that wrote the state. */
  generation: number;
  /** Start of the first generation, ISO 8601. */
  started_at: string;
  /** `file` is missing if the service manager created the socket. */
  control: { fd: number; path: string; file?: FileIdentity };
  binds: BindState[];
  clients: ClientState[];
  /** The groups of sockets that share an address. */
  shard_groups?: GroupState[] | undefined;
  /** Text of the policy in force. */
  policy?: string | undefined;
  /** Number of log lines that the exec loses. */
  lost_log_lines?: number | undefined;
}

/**
 * A held socket, which has a host and a port or a path. Times are in ms since
 * 1970.
 */
export interface BindState {
  fd: number;
  /** @default "tcp", or "unix" with a path */
  kind: Kind;
  /** Canonical. */
  host?: string | undefined;
  port?: number | undefined;
  /** The port that the kernel chose for port 0. */
  bound_port?: number | undefined;
  /** @default true */
  v6only: boolean;
  device?: string | undefined;
  /** @default 0, the socket that is not written with this field */
  shard?: number | undefined;
  /** Canonical. */
  path?: string | undefined;
  /** The file at the path. */
  file?: FileIdentity | undefined;
  /**
   * Null if it is not known.
   *
   * @default 1000
   */
  backlog: number | null;
  /** The other options. */
  options?: WireOptions | undefined;
  bound_at: number;
  handed_out: number;
  last_peer?: LastPeer | undefined;
  /**
   * Processes that have received it.
   *
   * @default that of `last_peer`
   */
  holders?: readonly number[] | undefined;
}

/** A group of sockets that share an address. */
export interface GroupState {
  shards: number;
  /**
   * The kernel's list: the descriptor of a held socket, a socket that was released
   * and that another process has, or null if it is not known.
   */
  places: (number | ReleasedShard | null)[];
  /** A descriptor of the group. */
  fd: number;
}

/** A held socket as it is written: fields with default values are omitted. */
export type BindRecord =
  & Pick<BindState, "fd">
  & { [Field in keyof BindState]?: BindState[Field] | undefined };

/** A state as it is written. */
export type StateRecord = Omit<State, "binds"> & { binds: BindRecord[] };

/** A connected client. */
export interface ClientState {
  fd: number;
  /** Whether the client has shut down its side: no request follows. */
  ended: boolean;
  /** Received bytes of unanswered requests, in base64. */
  received: string;
  /**
   * Number of sent descriptors that the client has not received.
   *
   * @default 0
   */
  in_flight?: number | undefined;
  /** Unsent answers, in base64, with their descriptors. */
  unsent: { bytes: string; descriptors: number[] }[];
}

/** A state that this release cannot read. */
export class StateError extends Error {
  /** `StateError`. */
  override readonly name = "StateError";
}

/** Encodes a state. */
export function encodeState(state: StateRecord): Uint8Array<ArrayBuffer> {
  return encodeMessage(state);
}

/**
 * Decodes a state of this or another release.
 *
 * @throws {StateError} naming what is missing.
 */
export function decodeState(bytes: Uint8Array<ArrayBuffer>): State {
  let decoded: unknown;
  try {
    decoded = decodeMessage(bytes);
  } catch (cause) {
    throw new StateError("invalid state: not JSON", { cause });
  }
  if (!isObject(decoded)) throw new StateError("invalid state: not an object");
  const state = decoded as Partial<State>;
  const { format }: { format?: unknown } = state;
  if (format !== 1 && format !== 2) {
    const found = typeof format === "number" ? `format ${format}` : "no format";
    throw new StateError(`unsupported state: ${found}, expected format 1 or 2`);
  }
  const { control } = state;
  if (
    typeof control?.fd !== "number" || typeof control.path !== "string"
  ) {
    throw new StateError("invalid state: missing control socket");
  }
  if (control.file !== undefined && !isObject(control.file)) {
    throw new StateError(
      "invalid state: file of the control socket is not an object",
    );
  }
  return {
    format,
    version: state.version ?? "unknown",
    generation: state.generation ?? 1,
    started_at: state.started_at ?? new Date().toISOString(),
    control,
    binds: listOf(state.binds, "binds").map(bindState),
    clients: listOf(state.clients, "clients").map(clientState),
    ...(state.shard_groups !== undefined && {
      shard_groups: listOf(state.shard_groups, "shard_groups").map(groupState),
    }),
    ...(typeof state.policy === "string" && { policy: state.policy }),
    ...(typeof state.lost_log_lines === "number" &&
      { lost_log_lines: state.lost_log_lines }),
  };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listOf<T>(list: T[] | undefined, what: string): T[] {
  if (list === undefined) return [];
  if (Array.isArray(list) && list.every(isObject)) return list;
  throw new StateError(`invalid state: ${what} is not an array of objects`);
}

function descriptorOf(given: { fd?: number }, what: string): number {
  if (typeof given.fd !== "number") {
    throw new StateError(`invalid state: ${what} has no descriptor`);
  }
  return given.fd;
}

/** Adds default values in place: a state may have thousands of binds. */
function bindState(given: Partial<BindState>): BindState {
  const hasHost = typeof given.host === "string" &&
    typeof given.port === "number";
  if (!hasHost && typeof given.path !== "string") {
    throw new StateError("invalid state: a bind has no address");
  }
  descriptorOf(given, "a bind");
  given.kind ??= hasHost ? "tcp" : "unix";
  given.v6only ??= true;
  if (given.backlog === undefined) given.backlog = DEFAULT_BACKLOG;
  given.bound_at ??= Date.now();
  given.handed_out ??= 0;
  if (!Array.isArray(given.holders)) delete given.holders;
  return given as BindState;
}

/** What is wrong with a list of places makes it an unknown one. */
function groupState(given: Partial<GroupState>): GroupState {
  return {
    fd: descriptorOf(given, "a group"),
    shards: given.shards ?? 1,
    places: Array.isArray(given.places) && given.places.every(isPlace)
      ? given.places
      : [],
  };
}

function isPlace(place: unknown): boolean {
  return place === null || typeof place === "number" || isObject(place);
}

function clientState(given: Partial<ClientState>): ClientState {
  return {
    fd: descriptorOf(given, "a client"),
    ended: given.ended ?? false,
    received: given.received ?? "",
    ...(given.in_flight !== undefined && { in_flight: given.in_flight }),
    unsent: given.unsent ?? [],
  };
}
