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
import type { WireOptions } from "../../protocol.ts";
import { isOption, readBindOptions } from "../sockets/bind_options.ts";
import { lookUp } from "./lookups.ts";
import { bindError, invalidParams, RequestError } from "./request_error.ts";
import { canonicalPath } from "../sockets/socket_file.ts";
import { lookUpAccess, numericAccess } from "./file_access.ts";
import { normalize } from "@std/path/posix/normalize";

/** The params of `bind` and `release`, checked. */
export interface BindRequest {
  /** The host may be a name, the path may be spelled in any way. */
  readonly address: Address;
  readonly options: WireOptions;
}

/** The same with every name looked up. */
export interface ResolvedBind {
  /** The address as the client wrote it. */
  readonly asked: Address;
  /** The addresses of its host, which are numeric; of a path the path. */
  readonly addresses: readonly Address[];
  readonly options: WireOptions;
  readonly access: FileAccess;
}

const KINDS: readonly Kind[] = ["tcp", "udp", "unix", "seqpacket", "unixgram"];
const OF_THE_ADDRESS: ReadonlySet<string> = new Set([
  "address",
  "port",
  "path",
  "kind",
  "v6only",
  "device",
]);

/**
 * Reads the params of `bind`.
 *
 * @throws {RequestError} -32602 naming the param that is wrong.
 */
export function readBindParams(params: unknown): BindRequest {
  const first = Array.isArray(params) && params.length === 1
    ? params[0]
    : undefined;
  if (typeof first !== "object" || first === null || Array.isArray(first)) {
    throw invalidParams(
      'bind takes [{"address": ..., "port": ...}] or [{"path": ...}]',
    );
  }
  const given = first as Record<string, unknown>;
  for (const name of Object.keys(given)) {
    if (!OF_THE_ADDRESS.has(name) && !isOption(name)) {
      throw invalidParams(`unknown option ${name}`);
    }
  }
  const kind = readKind(given);
  const address = kind === "tcp" || kind === "udp"
    ? readHost(kind, given)
    : readPath(kind, given);
  return { address, options: readBindOptions(given, kind) };
}

/**
 * Reads the params of `release`, which are those of `bind`: a client may pass
 * what `list` shows. The options have no effect.
 *
 * @throws {RequestError} -32602 naming the param that is wrong.
 */
export function readReleaseParams(params: unknown): BindRequest {
  const { address } = readBindParams(params);
  return { address, options: {} };
}

function readKind({ kind, path }: Record<string, unknown>): Kind {
  if (kind === undefined) return path === undefined ? "tcp" : "unix";
  const known = KINDS.find((each) => each === kind);
  if (known !== undefined) return known;
  throw invalidParams(`kind is one of ${KINDS.join(", ")}`);
}

function refuse(
  given: Record<string, unknown>,
  what: string,
  names: readonly string[],
): void {
  const found = names.find((name) => given[name] !== undefined);
  if (found === undefined) return;
  throw invalidParams(`${found} is not for ${what}`);
}

function readHost(
  kind: "tcp" | "udp",
  given: Record<string, unknown>,
): HostAddress {
  const { address, port, v6only, device } = given;
  refuse(given, `kind ${kind}`, ["path"]);
  if (
    typeof address !== "string" || address === "" || address.includes("\0")
  ) {
    throw invalidParams("address is a host, such as 127.0.0.1, ::1 or a name");
  }
  if (address.includes("%")) {
    throw invalidParams("address names an interface: say which as device");
  }
  if (typeof port !== "number") throw invalidParams("port is 0 to 65535");
  if (v6only !== undefined && typeof v6only !== "boolean") {
    throw invalidParams("v6only is true or false");
  }
  try {
    return {
      ...hostAddress(kind, address, port),
      v6only: v6only ?? true,
      ...(device !== undefined && { device: readDevice(device) }),
    };
  } catch (error) {
    if (error instanceof AddressError) throw invalidParams(error.message);
    throw error;
  }
}

// IFNAMSIZ of netdevice(7) is 16 with its NUL.
const DEVICE = /^[^\s\0/]{1,15}$/;

function readDevice(device: unknown): string {
  if (typeof device === "string" && DEVICE.test(device)) return device;
  throw invalidParams("device is a network interface, such as eth0");
}

function readPath(
  kind: PathKind,
  given: Record<string, unknown>,
): PathAddress {
  const { path } = given;
  refuse(given, `kind ${kind}`, ["address", "port", "v6only", "device"]);
  if (typeof path !== "string" || !path.isWellFormed()) {
    throw invalidParams("path is a path, or @ and an abstract name");
  }
  if (path.startsWith("@")) {
    refuse(given, "an abstract name", ["mode", "owner", "group"]);
    if (path === "@") throw invalidParams("the abstract name is empty");
  } else if (!path.startsWith("/")) {
    throw invalidParams(`path ${path} is not absolute`);
  } else if (/\/(\.{0,2})$/.test(path)) {
    throw invalidParams(`path ${path} is a directory's`);
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

/** The request resolved; `undefined` if a name in it has to be looked up. */
export function resolveWithoutLookUp(
  { address, options }: BindRequest,
): ResolvedBind | undefined {
  const addresses = numericAddresses(address);
  const access = numericAccess(options);
  if (addresses === undefined || access === undefined) return undefined;
  return { asked: address, addresses, options, access };
}

/**
 * Looks up the host, the owner and the group of a request.
 *
 * @throws {RequestError} 10000 for a host without an address, -32602 for an
 * owner or a group that does not exist.
 */
export async function lookUpNames(
  { address, options }: BindRequest,
): Promise<ResolvedBind> {
  return {
    asked: address,
    addresses: numericAddresses(address) ?? await lookUpAddresses(address),
    options,
    access: await lookUpAccess(options),
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

/** An address as the client wrote it, and the address that is bound. */
export interface Candidate {
  readonly asked: Address;
  /** A path without symbolic links; if it cannot be used, only normalized. */
  readonly address: Address;
  /** The key in the table of binds. */
  readonly identity: string;
  /** Why a path cannot be used. */
  readonly error?: RequestError;
}

/**
 * The addresses with symbolic links in paths resolved. A path may lead
 * somewhere else at any time, so this is done when the request is performed.
 */
export function candidatesOf(addresses: readonly Address[]): Candidate[] {
  return addresses.map((asked) =>
    hasHost(asked) || asked.path.startsWith("@")
      ? candidate(asked, asked)
      : candidateFile(asked)
  );
}

function candidate(
  asked: Address,
  address: Address,
  error?: RequestError,
): Candidate {
  const identity = canonicalIdentity(address);
  return { asked, address, identity, ...(error && { error }) };
}

function candidateFile(asked: PathAddress): Candidate {
  const { kind, path } = asked;
  try {
    const address: PathAddress = { kind, path: canonicalPath(path) };
    checkLength(address.path);
    return candidate(asked, address);
  } catch (error) {
    const address: PathAddress = { kind, path: normalize(path) };
    if (error instanceof RequestError) return candidate(asked, address, error);
    if (!(error instanceof OsError)) throw error;
    return candidate(asked, address, bindError(error));
  }
}
