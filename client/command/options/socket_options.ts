import { hasHost, parseAddress } from "../../../address.ts";
import type { SocketOptions } from "../../session/options.ts";
import type { Options } from "./options.ts";
import { UsageError } from "./usage_error.ts";

/** Those that `exec` and `run` know, for {@linkcode readOptions}. */
export const SOCKET_OPTIONS = ["backlog", "mode", "owner", "group"] as const;

/** Their part of the help. */
export const SOCKET_OPTIONS_USAGE =
  `  --backlog N          length of the accept queue; default: 1000
  --mode 0660          permissions of the paths of UNIX sockets
  --owner USER         owner of those paths, a name or a number
  --group GROUP        group of those paths, a name or a number`;

/** What the sockets of a command line shall be like. */
export type CommandSocketOptions = Pick<
  SocketOptions,
  typeof SOCKET_OPTIONS[number]
>;

/**
 * Reads them.
 *
 * @throws {UsageError} for a value that is none.
 */
export function readSocketOptions(
  { one }: Pick<Options, "one">,
): CommandSocketOptions {
  const [backlog, mode, owner, group] = SOCKET_OPTIONS.map(one);
  if (backlog !== undefined && !/^\d{1,9}$/.test(backlog)) {
    throw new UsageError(`--backlog ${backlog} is no number`);
  }
  if (mode !== undefined && !/^0?[0-7]{3}$/.test(mode)) {
    throw new UsageError(`--mode ${mode} is not octal, such as 0660`);
  }
  return {
    ...(backlog !== undefined && { backlog: Number(backlog) }),
    ...(mode !== undefined && { mode: parseInt(mode, 8) }),
    ...(owner !== undefined && { owner }),
    ...(group !== undefined && { group }),
  };
}

/** Those that are for that address: not every kind of socket has all. */
export function optionsFor(
  address: string,
  { backlog, ...access }: CommandSocketOptions,
): CommandSocketOptions {
  const parsed = parseAddress(address);
  const isFile = !hasHost(parsed) && !parsed.path.startsWith("@");
  const hasQueue = parsed.kind !== "udp" && parsed.kind !== "unixgram";
  return {
    ...(hasQueue && backlog !== undefined && { backlog }),
    ...(isFile && access),
  };
}
