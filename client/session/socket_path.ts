import { environmentVariable } from "../../ffi/processes/process.ts";

/** The variable with the path of the control socket; an option overrides it. */
export const SOCKET_VARIABLE = "MULTIBINDER_SOCK";

/** Neither an option nor the environment names the control socket. */
export class NoControlSocketError extends TypeError {
  /** `option` is the alternative to the variable. */
  constructor(option: string) {
    super(
      `no control socket: set ${SOCKET_VARIABLE} to the path of the daemon's control socket, or give ${option}`,
    );
  }
}

/** The path of the control socket: the option, else the variable. */
export function socketPath(option: string | undefined): string {
  const path = option ?? environmentVariable(SOCKET_VARIABLE);
  if (path === undefined || path === "") {
    throw new NoControlSocketError("the option sock");
  }
  return path;
}
