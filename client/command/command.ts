/** What a command line asks for. */
export type Reading =
  | { run: () => Promise<number> }
  | { show: "help" | "version" };

/** One command of the client's command line. */
export interface Command {
  name: string;
  /** Its help. */
  usage: string;
  /**
   * Reads what follows its name.
   *
   * @throws {UsageError}
   */
  read: (args: readonly string[]) => Reading;
}
