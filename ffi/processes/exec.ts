/**
 * Executes another program with chosen descriptors.
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { Descriptor } from "../files/descriptor.ts";
import { withDefaultSignals } from "./default_signals.ts";
import { check, Errno, OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { execute, openDescriptors, setAllCloseOnExec } from "./process.ts";
import { candidates } from "./search_path.ts";

const SHELL = "/bin/sh";

// execvp(3) continues with the next directory after these errors.
const NOT_HERE: ReadonlySet<number> = new Set([Errno.ENOENT, Errno.ENOTDIR]);

/**
 * execve(2) with the search of execvp(3): it looks in PATH for a command
 * without a slash, continues after a file that is denied (EACCES), and runs a
 * script without `#!` with the shell.
 *
 * @throws {OsError} ENOENT when the program does not exist, EACCES and the like.
 */
function executeFromPath(
  argv: readonly string[],
  environment: readonly string[],
): never {
  const [command = "", ...args] = argv;
  let failure = new OsError("execve", Errno.ENOENT, command);
  for (const path of candidates(command)) {
    try {
      execute(path, argv, environment);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      if (error.errno === Errno.ENOEXEC) {
        execute(SHELL, ["sh", path, ...args], environment);
      }
      if (error.errno === Errno.EACCES) failure = error;
      else if (!NOT_HERE.has(error.errno)) throw error;
    }
  }
  throw failure;
}

/** SD_LISTEN_FDS_START. */
const FIRST = 3;

function copyBeyond(fd: number, lowest: number): Descriptor {
  return new Descriptor(
    check(libc().fcntl(fd, abi.F_DUPFD_CLOEXEC, lowest), "fcntl"),
  );
}

/** A descriptor for the new program, and the one that it replaces. */
interface Place {
  target: number;
  source: Descriptor;
  occupant: Descriptor | undefined;
}

function restore({ target, occupant }: Place): void {
  if (occupant === undefined) libc().close(target);
  else check(libc().dup3(occupant.fd, target, abi.O_CLOEXEC), "dup3");
}

/**
 * Execute another program in place of this one. It gets the given descriptors
 * as 3, 4, ..., besides 0, 1 and 2, and every signal has its default action.
 * When the exec fails, the state of this process is restored.
 *
 * Deno uses the same numbers, for example for its event loop. They are replaced
 * synchronously right before the exec, and restored when it fails.
 *
 * @throws {OsError} ENOENT when the program does not exist, EACCES and the like.
 */
export function execWithDescriptors(
  argv: readonly string[],
  environment: readonly string[],
  descriptors: readonly number[],
): never {
  using resources = new DisposableStack();
  const beyond = FIRST + descriptors.length;
  const open = openDescriptors();
  setAllCloseOnExec();
  const places = descriptors.map((fd, index): Place => {
    const target = FIRST + index;
    const occupant = open.includes(target)
      ? resources.use(copyBeyond(target, beyond))
      : undefined;
    const source = resources.use(copyBeyond(fd, beyond));
    return { target, source, occupant };
  });
  return withDefaultSignals(() => {
    const placed: Place[] = [];
    try {
      for (const place of places) {
        placed.push(place);
        check(libc().dup3(place.source.fd, place.target, 0), "dup3");
      }
      return executeFromPath(argv, environment);
    } finally {
      placed.forEach(restore);
    }
  });
}
