/**
 * Descriptors that this process was started with, as sd_listen_fds(3) passes
 * them: from number 3 on, counted and named by environment variables.
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
  /** Close-on-exec, and the caller's. */
  readonly fd: number;
  /** `unknown` where nobody named it, as sd_listen_fds_with_names(3) says. */
  readonly name: string;
}

/** Options of {@linkcode passedDescriptors}. */
export interface PassedOptions {
  /** Removes the variables, so that children do not see them. Default: false. */
  clear?: boolean;
}

/**
 * What was passed to this very process: nothing where `LISTEN_PID` names
 * another one, which inherited the variables and not the descriptors.
 *
 * @throws {OsError} EBADF where a descriptor that was announced is not open.
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
    throw new TypeError(`LISTEN_FDS is no number of descriptors: ${count}`);
  }
  return Array.from({ length: count }, (_, index) => {
    const fd = FIRST_LISTEN_FD + index;
    setCloseOnExec(fd, true);
    return { fd, name: names[index] || "unknown" };
  });
}
