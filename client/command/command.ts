/** A parsed command line: the command to run, or the text to show. */
export type ParsedCommand =
  | { run: () => Promise<number> }
  | { show: "help" | "version" };

/** One command of the client's command line. */
export interface Command {
  name: string;
  /** Its help. */
  usage: string;
  /**
   * Parses the arguments after its name.
   *
   * @throws {UsageError}
   */
  parse: (args: readonly string[]) => ParsedCommand;
}
