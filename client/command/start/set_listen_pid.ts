import { execWithDescriptors } from "../../../ffi/processes/exec.ts";
import {
  FIRST_LISTEN_FD,
  receiverVariables,
} from "../../../ffi/systemd/listen_fds.ts";
import {
  initialEnvironment,
  processId,
} from "../../../ffi/processes/process.ts";
import { StartError } from "../../../supervisor/errors.ts";
import { SET_LISTEN_PID_COMMAND } from "../../../supervisor/listen_pid.ts";
import type { Command } from "../command.ts";
import { splitAtDashes } from "./launch.ts";
import { UsageError } from "../../../given_options.ts";

/**
 * A hidden command that adds its own process to the environment (LISTEN_PID,
 * LISTEN_PIDFDID) and executes a program.
 * `run` uses it if a shell would drop environment variables.
 */
export const setListenPidCommand: Command = {
  name: SET_LISTEN_PID_COMMAND,
  usage: "For internal use by the command run.",
  parse: (args) => {
    const { command } = splitAtDashes(args);
    if (command.length === 0) throw new UsageError("the command is missing");
    return { run: () => Promise.resolve(becomeWithListenPid(command)) };
  },
};

function entriesOf(variables: Record<string, string>): string[] {
  return Object.entries(variables).map(([name, value]) => `${name}=${value}`);
}

function becomeWithListenPid(command: readonly string[]): never {
  const environment = initialEnvironment();
  const count = Number(
    environment.find((entry) => entry.startsWith("LISTEN_FDS="))?.split("=")[1],
  );
  const descriptors = Array.from(
    { length: count },
    (_, index) => FIRST_LISTEN_FD + index,
  );
  return StartError.during(command[0]!, () =>
    execWithDescriptors(
      command,
      [
        ...environment,
        ...entriesOf(receiverVariables(processId())),
        ...environment.some((entry) => entry.startsWith("WATCHDOG_USEC="))
          ? [`WATCHDOG_PID=${processId()}`]
          : [],
      ],
      descriptors,
    ));
}
