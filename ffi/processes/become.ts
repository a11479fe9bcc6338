/**
 * Becoming another program with chosen descriptors.
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

// What execvp(3) takes as: not in this directory.
const NOT_HERE: ReadonlySet<number> = new Set([Errno.ENOENT, Errno.ENOTDIR]);

/**
 * execve(2) with the search of execvp(3): a command without a slash is looked
 * for in PATH, one that is denied is passed over as long as another may be
 * found, and a script without a first line is the shell's.
 *
 * @throws {OsError} ENOENT when there is no such program, EACCES and the like.
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

/** What is put on a number, and what was there and may have to come back. */
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
 * Becomes another program, which has the given descriptors at 3, 4, ..., and
 * beside them only 0, 1 and 2. Every signal is at its default. Returns only by
 * throwing, and then nothing has changed.
 *
 * The numbers are those of Deno's own descriptors, such as the event loop's:
 * they are replaced in one synchronous stretch that ends with the exec, and
 * put back should it fail.
 *
 * @throws {OsError} ENOENT when there is no such program, EACCES and the like.
 */
export function become(
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
