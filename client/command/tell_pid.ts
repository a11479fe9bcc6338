import { become } from "../../ffi/become.ts";
import { initialEnvironment, processId } from "../../ffi/process.ts";
import { TELL_PID_COMMAND } from "../run/start.ts";
import type { Command } from "./command.ts";
import { divide, FIRST_DESCRIPTOR } from "./launch.ts";
import { StartError } from "./start_error.ts";
import { UsageError } from "./usage_error.ts";

/**
 * The command that `run` starts where the shell would lose variables: it adds
 * LISTEN_PID to the environment and becomes the program that follows.
 */
export const tellPidCommand: Command = {
  name: TELL_PID_COMMAND,
  usage: "Not to be used by hand.",
  read: (args) => {
    const { command } = divide(args);
    if (command.length === 0) throw new UsageError("the command is missing");
    return { run: () => Promise.resolve(becomeTelling(command)) };
  },
};

function becomeTelling(command: readonly string[]): never {
  const environment = initialEnvironment();
  const count = Number(
    environment.find((entry) => entry.startsWith("LISTEN_FDS="))?.split("=")[1],
  );
  const descriptors = Array.from(
    { length: count },
    (_, index) => FIRST_DESCRIPTOR + index,
  );
  return StartError.during(command[0]!, () =>
    become(
      command,
      [...environment, `LISTEN_PID=${processId()}`],
      descriptors,
    ));
}
