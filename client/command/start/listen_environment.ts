import {
  LISTEN_VARIABLES,
  listenVariables,
} from "../../../ffi/systemd/listen_fds.ts";
import { initialEnvironment } from "../../../ffi/processes/process.ts";
import type { RequestedSocket } from "./launch.ts";

/**
 * The environment that this program was started with, plus the variables of
 * sd_listen_fds(3). The caller adds those that name the receiving process.
 *
 * @param descriptors the sockets, in the same order
 * @param changed other variables to set, or to remove if `undefined`
 */
export function listenEnvironment(
  sockets: readonly RequestedSocket[],
  descriptors: readonly number[],
  changed: Readonly<Record<string, string | undefined>> = {},
): string[] {
  const changes: Record<string, string | undefined> = {
    ...changed,
    ...listenVariables(
      sockets.map(({ name }, index) => ({ name, fd: descriptors[index]! })),
    ),
  };
  const replaced = new Set([...LISTEN_VARIABLES, ...Object.keys(changes)]);
  const kept = initialEnvironment()
    .filter((entry) => !replaced.has(entry.split("=", 1)[0]!));
  const added = Object.entries(changes)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`);
  return [...kept, ...added];
}
