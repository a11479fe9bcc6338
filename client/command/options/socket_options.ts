import { hasHost, parseAddress } from "../../../address.ts";
import { hasBacklog } from "../../../protocol.ts";
import type { SocketOptions } from "../../session/options.ts";
import { type Options, UsageError } from "../../../given_options.ts";

/** Socket options of `exec` and `run`, for {@linkcode readOptions}. */
export const SOCKET_OPTIONS = ["backlog", "mode", "owner", "group"] as const;

/** Their part of the help. */
export const SOCKET_OPTIONS_USAGE =
  `  --backlog N          length of the accept queue; default: 1000
  --mode 0660          permissions of the paths of UNIX sockets
  --owner USER         owner of those paths, a name or a number
  --group GROUP        group of those paths, a name or a number`;

/** Values of the socket options of a command line. */
export type CommandSocketOptions = Pick<
  SocketOptions,
  typeof SOCKET_OPTIONS[number]
>;

/**
 * Reads the socket options.
 *
 * @throws {UsageError} for an invalid value.
 */
export function readSocketOptions(
  { one }: Pick<Options, "one">,
): CommandSocketOptions {
  const [backlog, mode, owner, group] = SOCKET_OPTIONS.map(one);
  if (backlog !== undefined && !/^\d{1,9}$/.test(backlog)) {
    throw new UsageError(
      `invalid --backlog ${backlog}: expected a number from 0 to 999999999`,
    );
  }
  if (mode !== undefined && !/^0?[0-7]{3}$/.test(mode)) {
    throw new UsageError(
      `invalid --mode ${mode}: expected an octal number such as 0660`,
    );
  }
  return {
    ...(backlog !== undefined && { backlog: Number(backlog) }),
    ...(mode !== undefined && { mode: parseInt(mode, 8) }),
    ...(owner !== undefined && { owner }),
    ...(group !== undefined && { group }),
  };
}

/** The options that apply to the kind of socket of this address. */
export function optionsFor(
  address: string,
  { backlog, ...access }: CommandSocketOptions,
): CommandSocketOptions {
  const parsed = parseAddress(address);
  const isFile = !hasHost(parsed) && !parsed.path.startsWith("@");
  return {
    ...(hasBacklog(parsed.kind) && backlog !== undefined && { backlog }),
    ...(isFile && access),
  };
}

/** A socket of a group that shares an address. */
export type Shard = Required<Pick<SocketOptions, "shard" | "shards">>;

/** Whether each worker gets its own socket of this address. */
export function canBeSharded(address: string): boolean {
  return parseAddress(address).kind === "tcp";
}
