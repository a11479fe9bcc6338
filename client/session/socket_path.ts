import { environmentVariable } from "../../ffi/processes/process.ts";

/** Names the control socket where no option does. */
export const SOCKET_VARIABLE = "MULTIBINDER_SOCK";

/** Neither an option nor the environment names the control socket. */
export class NoControlSocketError extends TypeError {
  /** `option` is what to give instead of the variable. */
  constructor(option: string) {
    super(
      `where is the daemon? Set ${SOCKET_VARIABLE} to the path of its control socket, or give ${option}`,
    );
  }
}

/** The control socket's path: the option, else the environment's. */
export function socketPath(option: string | undefined): string {
  const path = option ?? environmentVariable(SOCKET_VARIABLE);
  if (path === undefined || path === "") {
    throw new NoControlSocketError("the option sock");
  }
  return path;
}
