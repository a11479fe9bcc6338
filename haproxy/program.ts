import {
  FIRST_LISTEN_FD,
  LISTEN_VARIABLES,
} from "../ffi/systemd/listen_fds.ts";
import { ownVariables } from "../ffi/processes/block_signals.ts";
import { MANAGER_VARIABLES } from "../ffi/systemd/service_manager.ts";
import type { Configuration } from "./configuration/configuration.ts";
import type { HaproxyArguments } from "./haproxy_arguments.ts";

/** HAProxy, as it can be started any number of times. */
export interface Program {
  command: string;
  arguments: HaproxyArguments;
  env: Readonly<Record<string, string>>;
}

/** Variables that describe this process only. */
function notForChildren(): ReadonlySet<string> {
  return new Set([
    ...LISTEN_VARIABLES,
    ...MANAGER_VARIABLES,
    ...ownVariables(),
  ]);
}

/** The environment of HAProxy. */
export function environmentOf({ env }: Program): string[] {
  const excluded = notForChildren();
  return Object.entries(env)
    .filter(([name]) => !excluded.has(name))
    .map(([name, value]) => `${name}=${value}`);
}

/** The descriptors of HAProxy: its sockets from 3 on, and no input. */
export function descriptorsOf(
  { descriptors }: Configuration,
): Map<number, number | string> {
  return new Map<number, number | string>([
    [0, "/dev/null"],
    ...descriptors.map((fd, index) => [FIRST_LISTEN_FD + index, fd] as const),
  ]);
}
