import {
  type Address,
  AddressError,
  canonicalIdentity,
  hasHost,
  type HostAddress,
  hostAddress,
  type Kind,
  type PathAddress,
  type PathKind,
} from "../../address.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { NameError } from "../../ffi/sockets/resolver.ts";
import {
  canonicalHost,
  encodeSocketAddress,
  SocketAddressError,
} from "../../ffi/sockets/socket_address.ts";
import type { FileAccess } from "../../ffi/files/file.ts";
import { isBindOption, type WireOptions } from "../../protocol.ts";
import { type BindOptions, readBindOptions } from "../sockets/bind_options.ts";
import { lookUp } from "./lookups.ts";
import type { Client } from "../policy/authorization.ts";
import type { AccessRequest } from "../policy/policy.ts";
import { pathSeenBy } from "../sockets/path_rights.ts";
import { bindError, invalidParams, RequestError } from "./request_error.ts";
import { lookUpAccess, numericAccess } from "./file_access.ts";
import { normalize } from "@std/path/posix/normalize";

/** The checked params of `bind` and `release`. */
export interface BindRequest {
  /** The host may be a name, the path need not be canonical. */
  readonly address: Address;
  readonly options: WireOptions;
  /** How many sockets of the group get new connections. */
  readonly shards?: number;
  /** Whether only a held socket is an answer. */
  readonly held?: boolean;
}

/** A {@linkcode BindRequest} of which all names are looked up. */
export interface ResolvedBind {
  /** The address as the client wrote it. */
  readonly asked: Address;
  /** The numeric addresses of the host, or the path. */
  readonly addresses: readonly Address[];
  readonly options: WireOptions;
  readonly access: FileAccess;
  /** How many sockets of the group get new connections. */
  readonly shards?: number;
  /** Whether only a held socket is an answer. */
  readonly held?: boolean;
}

const KINDS: readonly Kind[] = ["tcp", "udp", "unix", "seqpacket", "unixgram"];
const NOT_OPTIONS: readonly string[] = [
  "address",
  "port",
  "path",
  "kind",
  "held",
];

/**
 * Reads the params of `bind`.
 *
 * @throws {RequestError} -32602 naming the invalid param.
 */
export function readBindParams(params: unknown): BindRequest {
  const given = givenParams(params);
  const request = readParams(given);
  if (!request.held) refuseHalfShard(given);
  return request;
}

function givenParams(params: unknown): Record<string, unknown> {
  const first = Array.isArray(params) && params.length === 1
    ? params[0]
    : undefined;
  if (typeof first !== "object" || first === null || Array.isArray(first)) {
    throw invalidParams(
      'bind takes [{"address": ..., "port": ...}] or [{"path": ...}]',
    );
  }
  return first as Record<string, unknown>;
}

function readParams(given: Record<string, unknown>): BindRequest {
  for (const name of Object.keys(given)) {
    if (!NOT_OPTIONS.includes(name) && !isBindOption(name)) {
      throw invalidParams(`unknown option ${name}`);
    }
  }
  const kind = readKind(given);
  const { v6only, device, shard, shards, ...options } = readBindOptions(
    given,
    kind,
  );
  const address = kind === "tcp" || kind === "udp"
    ? readHost(kind, given, { v6only, device, shard })
    : readPath(kind, given);
  const held = readHeld(given.held, options);
  return {
    address,
    options,
    ...(shards !== undefined && { shards }),
    ...(held && { held }),
  };
}

/** A bind without one of the two has forgotten it, or cannot be meant. */
function refuseHalfShard({ shard, shards }: Record<string, unknown>): void {
  if (shard !== undefined && shards === undefined) {
    throw invalidParams(
      "shard: shards is missing, the number of sockets that get connections",
    );
  }
  if (shards !== undefined && shard === undefined) {
    throw invalidParams("shards: shard is missing, the number of the socket");
  }
}

function readHeld(held: unknown, options: WireOptions): boolean {
  if (held === undefined || held === false) return false;
  if (held !== true) throw invalidParams("held: expected true or false");
  const [option] = Object.keys(options);
  if (option === undefined) return true;
  throw invalidParams(`held: a held socket keeps its options: ${option}`);
}

/**
 * Reads the params of `release`. They are those of `bind`, so that a client can
 * pass an item of `list`. The options have no effect.
 *
 * @throws {RequestError} -32602 naming the invalid param.
 */
export function readReleaseParams(params: unknown): BindRequest {
  const { address } = readParams(givenParams(params));
  return { address, options: {} };
}

function readKind({ kind, path }: Record<string, unknown>): Kind {
  if (kind === undefined) return path === undefined ? "tcp" : "unix";
  const known = KINDS.find((each) => each === kind);
  if (known !== undefined) return known;
  throw invalidParams(`kind: expected one of ${KINDS.join(", ")}`);
}

function refuse(
  given: Record<string, unknown>,
  what: string,
  names: readonly string[],
): void {
  const found = names.find((name) => given[name] !== undefined);
  if (found === undefined) return;
  throw invalidParams(`${what} does not take ${found}`);
}

function readHost(
  kind: "tcp" | "udp",
  given: Record<string, unknown>,
  { v6only, device, shard }: Pick<BindOptions, "v6only" | "device" | "shard">,
): HostAddress {
  const { address, port } = given;
  refuse(given, `kind ${kind}`, ["path"]);
  if (
    typeof address !== "string" || address === "" || address.includes("\0")
  ) {
    throw invalidParams(
      "address: expected a host such as 127.0.0.1, ::1 or a name",
    );
  }
  if (address.includes("%")) {
    throw invalidParams(
      "address: name the network interface with the option device",
    );
  }
  if (typeof port !== "number") {
    throw invalidParams("port: expected 0 to 65535");
  }
  try {
    return {
      ...hostAddress(kind, address, port),
      v6only: v6only ?? true,
      ...(device !== undefined && { device }),
      // Socket 0 is the one of a bind without this option.
      ...(shard && { shard }),
    };
  } catch (error) {
    if (error instanceof AddressError) throw invalidParams(error.message);
    throw error;
  }
}

function readPath(
  kind: PathKind,
  given: Record<string, unknown>,
): PathAddress {
  const { path } = given;
  refuse(given, `kind ${kind}`, ["address", "port"]);
  if (typeof path !== "string" || !path.isWellFormed()) {
    throw invalidParams(
      "path: expected an absolute path or @ and an abstract name",
    );
  }
  if (path.startsWith("@")) {
    refuse(given, "an abstract name", ["mode", "owner", "group"]);
    if (path === "@") throw invalidParams("path @: the abstract name is empty");
  } else if (!path.startsWith("/")) {
    throw invalidParams(`path ${path} is not absolute`);
  } else if (/\/(\.{0,2})$/.test(path)) {
    throw invalidParams(`path ${path} is a directory`);
  }
  checkLength(path);
  return { kind, path };
}

function checkLength(path: string): void {
  try {
    encodeSocketAddress({ family: "unix", path });
  } catch (error) {
    if (error instanceof SocketAddressError) {
      throw invalidParams(error.message);
    }
    throw error;
  }
}

/** Resolves a request; `undefined` if a name has to be looked up. */
export function resolveWithoutLookUp(
  { address, options, ...others }: BindRequest,
): ResolvedBind | undefined {
  const addresses = numericAddresses(address);
  const access = numericAccess(options);
  if (addresses === undefined || access === undefined) return undefined;
  return { asked: address, addresses, options, access, ...others };
}

/**
 * Looks up the host, the owner and the group of a request.
 *
 * @throws {RequestError} 10000 if the host has no address, -32602 if the owner or
 * the group does not exist.
 */
export async function lookUpNames(
  { address, options, ...others }: BindRequest,
): Promise<ResolvedBind> {
  return {
    asked: address,
    addresses: numericAddresses(address) ?? await lookUpAddresses(address),
    options,
    access: await lookUpAccess(options),
    ...others,
  };
}

function numericAddresses(address: Address): Address[] | undefined {
  if (!hasHost(address)) return [address];
  const numeric = canonicalHost(address.host);
  return numeric && [{ ...address, host: numeric.host }];
}

/** The addresses of a host, IPv4 first. */
async function lookUpAddresses(address: Address): Promise<Address[]> {
  if (!hasHost(address)) return [address];
  try {
    const found = await lookUp(address.host, address.port);
    return found.map(({ host }) => ({ ...address, host }));
  } catch (error) {
    if (error instanceof NameError) throw bindError(error);
    throw error;
  }
}

/** An address as the client wrote it and as it is bound. */
export interface Candidate {
  readonly asked: Address;
  /** A path has no symbolic links; with an error it is only normalized. */
  readonly address: Address;
  /** The key in the table of binds. */
  readonly identity: string;
  /** Why the path cannot be used. */
  readonly error?: RequestError;
}

/**
 * Resolves symbolic links in paths, with the rights of the client. A link may
 * change at any time, so this happens when the request is performed.
 */
export function candidatesOf(
  addresses: readonly Address[],
  client: Client,
): Candidate[] {
  return addresses.map((asked) =>
    hasHost(asked) || asked.path.startsWith("@")
      ? candidate(asked, asked)
      : candidateFile(asked, client)
  );
}

/** A `bind` of a candidate with these options, as a policy sees it. */
export function bindAccess(
  { address }: Candidate,
  optionNames: readonly string[],
): AccessRequest {
  return { method: "bind", address, options: optionNames };
}

function candidate(
  asked: Address,
  address: Address,
  error?: RequestError,
): Candidate {
  const identity = canonicalIdentity(address);
  return { asked, address, identity, ...(error && { error }) };
}

function candidateFile(asked: PathAddress, client: Client): Candidate {
  const { kind, path } = asked;
  try {
    const address: PathAddress = { kind, path: pathSeenBy(client, path) };
    checkLength(address.path);
    return candidate(asked, address);
  } catch (error) {
    const address: PathAddress = { kind, path: normalize(path) };
    if (error instanceof RequestError) return candidate(asked, address, error);
    if (!(error instanceof OsError)) throw error;
    return candidate(asked, address, bindError(error));
  }
}
