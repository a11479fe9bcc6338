import { LISTEN_VARIABLES } from "../../../ffi/systemd/listen_fds.ts";
import { initialEnvironment } from "../../../ffi/processes/process.ts";
import type { RequestedSocket } from "./launch.ts";

/**
 * The environment that this program was started with, plus LISTEN_FDS and
 * LISTEN_FDNAMES (sd_listen_fds(3)). The caller adds LISTEN_PID.
 *
 * @param changed other variables to set, or to remove if `undefined`
 */
export function listenEnvironment(
  sockets: readonly RequestedSocket[],
  changed: Readonly<Record<string, string | undefined>> = {},
): string[] {
  const changes: Record<string, string | undefined> = {
    ...changed,
    LISTEN_FDS: String(sockets.length),
    LISTEN_FDNAMES: sockets.map(({ name }) => name).join(":"),
  };
  const replaced = new Set([...LISTEN_VARIABLES, ...Object.keys(changes)]);
  const kept = initialEnvironment()
    .filter((entry) => !replaced.has(entry.split("=", 1)[0]!));
  const added = Object.entries(changes)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`);
  return [...kept, ...added];
}
