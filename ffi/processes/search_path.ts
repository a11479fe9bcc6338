import { environmentVariable } from "./process.ts";

/** The search path of execvp(3) without PATH. */
const DEFAULT_PATH = "/bin:/usr/bin";

/**
 * The paths that execvp(3) tries for a command; a command with a slash is its
 * own path.
 */
export function candidates(command: string): string[] {
  if (command === "" || command.includes("/")) return [command];
  // An empty entry of PATH is the working directory.
  return (environmentVariable("PATH") ?? DEFAULT_PATH).split(":")
    .map((directory) => directory === "" ? command : `${directory}/${command}`);
}
