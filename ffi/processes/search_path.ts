import { environmentVariable } from "./process.ts";

/** Where execvp(3) looks when there is no PATH. */
const DEFAULT_PATH = "/bin:/usr/bin";

/** Where execvp(3) looks for a command: as it is if it has a slash. */
export function candidates(command: string): string[] {
  if (command === "" || command.includes("/")) return [command];
  // An empty entry of PATH is the working directory.
  return (environmentVariable("PATH") ?? DEFAULT_PATH).split(":")
    .map((directory) => directory === "" ? command : `${directory}/${command}`);
}
