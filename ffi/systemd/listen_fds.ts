/**
 * Descriptors that a service manager passes to this process (sd_listen_fds(3)):
 * from number 3 on, counted and named by environment variables.
 *
 * @module
 */
import { setCloseOnExec } from "../files/descriptor.ts";
import {
  environmentVariable,
  processId,
  unsetEnvironmentVariable,
} from "../processes/process.ts";

/** SD_LISTEN_FDS_START. */
export const FIRST_LISTEN_FD = 3;

/** The variables of sd_listen_fds(3). */
export const LISTEN_VARIABLES: readonly string[] = [
  "LISTEN_PID",
  "LISTEN_FDS",
  "LISTEN_FDNAMES",
];

/** A descriptor that was passed. */
export interface PassedDescriptor {
  /** Close-on-exec. The caller owns it. */
  readonly fd: number;
  /** `unknown` without a name, as in sd_listen_fds_with_names(3). */
  readonly name: string;
}

/** Options of {@linkcode passedDescriptors}. */
export interface PassedOptions {
  /** Removes the variables, so that children do not see them. Default: false. */
  clear?: boolean;
}

/**
 * The descriptors that were passed to this process. Empty when `LISTEN_PID`
 * names another process: then only the variables were inherited.
 *
 * @throws {OsError} EBADF when an announced descriptor is not open.
 */
export function passedDescriptors(
  { clear = false }: PassedOptions = {},
): PassedDescriptor[] {
  const pid = environmentVariable("LISTEN_PID");
  const count = Number(environmentVariable("LISTEN_FDS") ?? "0");
  const names = (environmentVariable("LISTEN_FDNAMES") ?? "").split(":");
  if (clear) LISTEN_VARIABLES.forEach(unsetEnvironmentVariable);
  if (pid !== String(processId())) return [];
  if (!Number.isInteger(count) || count < 0) {
    throw new TypeError(`LISTEN_FDS is not a number of descriptors: ${count}`);
  }
  return Array.from({ length: count }, (_, index) => {
    const fd = FIRST_LISTEN_FD + index;
    setCloseOnExec(fd, true);
    return { fd, name: names[index] || "unknown" };
  });
}
