import { Errno, OsError } from "../../ffi/errno.ts";

/** Exit statuses of shells and of env(1) for a command that cannot be started. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/** The command cannot be started. */
export class StartError extends Error {
  /** `StartError`. */
  override readonly name = "StartError";
  /** The exit status that says so. */
  readonly status: number;

  /** `cause` is what execve(2) or posix_spawn(3) said. */
  constructor(command: string, cause: OsError) {
    const missing = cause.errno === Errno.ENOENT && !command.includes("/")
      ? "there is no such program in PATH"
      : cause.message;
    super(`cannot start ${command}: ${missing}`, { cause });
    this.status = cause.errno === Errno.ENOENT ? NOT_FOUND : NOT_EXECUTABLE;
  }

  /** Runs `start`, whose OsError becomes a StartError. */
  static during<T>(command: string, start: () => T): T {
    try {
      return start();
    } catch (error) {
      if (error instanceof OsError) throw new StartError(command, error);
      throw error;
    }
  }
}
