import { LISTEN_VARIABLES } from "../../../ffi/systemd/listen_fds.ts";
import { initialEnvironment } from "../../../ffi/processes/process.ts";
import type { RequestedSocket } from "./launch.ts";

/**
 * The environment that this program was started with and the variables of
 * sd_listen_fds(3), but for LISTEN_PID, which whoever knows it adds.
 *
 * @param changed other variables to set, or to leave out
 */
export function listenEnvironment(
  sockets: readonly RequestedSocket[],
  changed: Readonly<Record<string, string | undefined>> = {},
): string[] {
  const ours: Record<string, string | undefined> = {
    ...changed,
    LISTEN_FDS: String(sockets.length),
    LISTEN_FDNAMES: sockets.map(({ name }) => name).join(":"),
  };
  const replaced = new Set([...LISTEN_VARIABLES, ...Object.keys(ours)]);
  const kept = initialEnvironment()
    .filter((entry) => !replaced.has(entry.split("=", 1)[0]!));
  const added = Object.entries(ours)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`);
  return [...kept, ...added];
}
