import type { Ending } from "../ffi/processes/child_process.ts";
import { statusOf } from "../ffi/files/file.ts";
import { Errno, OsError } from "../ffi/libc/errno.ts";

/** Exit statuses of shells and of env(1) for a command that cannot be started. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

function exists(path: string): boolean {
  try {
    return statusOf(path) !== undefined;
  } catch {
    return false;
  }
}

/** The command cannot be started. */
export class StartError extends Error {
  /** `StartError`. */
  override readonly name = "StartError";
  /** The exit status for it, as shells have it. */
  readonly status: number;

  /** `cause` is the error of execve(2), posix_spawn(3) or chdir(2). */
  constructor(command: string, cause: OsError) {
    const reason = cause.syscall === "chdir"
      ? `--chdir: ${cause.message}`
      : cause.errno === Errno.ENOENT && !command.includes("/")
      ? "there is no such program in PATH"
      : cause.errno === Errno.ENOENT && exists(command)
      ? "the interpreter in its first line (#!) does not exist"
      : cause.errno === Errno.EACCES
      ? `${cause.message}: is it a file that may be executed (chmod +x)?`
      : cause.message;
    super(`cannot start ${command}: ${reason}`, { cause });
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

/** A program ended, or was killed, before it was ready. */
export class NotReadyError extends Error {
  /** `NotReadyError`. */
  override readonly name = "NotReadyError";

  /** `ending` is how it ended, after `lifetime` ms. */
  constructor(
    message: string,
    readonly ending: Ending,
    readonly lifetime: number,
  ) {
    super(message);
  }
}

/** Nothing is started any more. */
export class StoppedError extends Error {
  /** `StoppedError`. */
  override readonly name = "StoppedError";

  /** `program` is what is being stopped. */
  constructor(program: string) {
    super(`${program} is being stopped`);
  }
}

/** What an error says, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
