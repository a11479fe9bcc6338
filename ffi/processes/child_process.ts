/**
 * Starts child processes with chosen descriptors and waits for them:
 * posix_spawn(3), waitid(2), kill(2).
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { losslessCString } from "../libc/c_string.ts";
import { Descriptor, isCloseOnExec } from "../files/descriptor.ts";
import { isExecutable } from "../files/file.ts";
import { check, Errno, OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { stopIgnoring } from "./signal_action.ts";
import { signalSet } from "./signal_mask.ts";
import { signalNumber } from "./signal_numbers.ts";
import { NativeMemory } from "../libc/memory.ts";
import { waitReady } from "../files/readiness.ts";
import { openDescriptors, StringArray } from "./process.ts";
import { candidates } from "./search_path.ts";

/** posix_spawn_file_actions_t has 80 bytes and posix_spawnattr_t 336. */
const OPAQUE = 512;

/** How to start a child process. */
export interface ChildPlan {
  /** The program, by path. */
  path: string;
  argv: readonly string[];
  /** `NAME=value`. */
  environment: readonly string[];
  /** Its working directory. Default: the one of this process. */
  directory?: string;
  /**
   * Descriptors by their number in the child: a descriptor of this process, or
   * a path to open for reading and writing. The child also has 0, 1 and 2.
   */
  descriptors: ReadonlyMap<number, number | string>;
  /** Whether it leads a new process group. Default: false. */
  ownGroup?: boolean;
  /** The signals that it blocks. It ignores none. Default: none. */
  blocked?: readonly Deno.Signal[];
}

function must(errno: number, what: string, subject?: string): void {
  if (errno !== 0) throw new OsError(what, errno, subject);
}

/** posix_spawn_file_actions_t: what the child does before it execs. */
class FileActions implements Disposable {
  readonly #memory = new NativeMemory(OPAQUE);

  constructor() {
    const { address } = this.#memory;
    must(libc().posix_spawn_file_actions_init(address), "posix_spawn");
  }

  get address(): bigint {
    return this.#memory.address;
  }

  duplicate(fd: number, to: number): void {
    must(
      libc().posix_spawn_file_actions_adddup2(this.address, fd, to),
      "posix_spawn",
      `descriptor ${to}`,
    );
  }

  open(path: string, at: number): void {
    must(
      libc().posix_spawn_file_actions_addopen(
        this.address,
        at,
        losslessCString(path),
        abi.O_RDWR,
        0,
      ),
      "posix_spawn",
      path,
    );
  }

  close(fd: number): void {
    must(
      libc().posix_spawn_file_actions_addclose(this.address, fd),
      "posix_spawn",
    );
  }

  changeDirectory(path: string): void {
    must(
      libc().posix_spawn_file_actions_addchdir_np(
        this.address,
        losslessCString(path),
      ),
      "posix_spawn",
      path,
    );
  }

  [Symbol.dispose](): void {
    libc().posix_spawn_file_actions_destroy(this.address);
    this.#memory[Symbol.dispose]();
  }
}

/** posix_spawnattr_t: the signals and the process group of a child. */
class Attributes implements Disposable {
  readonly #memory = new NativeMemory(OPAQUE);

  constructor({ ownGroup = false, blocked = [] }: ChildPlan) {
    const { address } = this.#memory;
    must(libc().posix_spawnattr_init(address), "posix_spawn");
    const set = signalSet(blocked);
    must(libc().posix_spawnattr_setsigmask(address, set), "posix_spawn");
    check(libc().sigfillset(set), "sigfillset");
    must(libc().posix_spawnattr_setsigdefault(address, set), "posix_spawn");
    // The default process group 0 means a new group.
    const flags = abi.POSIX_SPAWN_SETSIGMASK | abi.POSIX_SPAWN_SETSIGDEF |
      (ownGroup ? abi.POSIX_SPAWN_SETPGROUP : 0);
    must(libc().posix_spawnattr_setflags(address, flags), "posix_spawn");
  }

  get address(): bigint {
    return this.#memory.address;
  }

  [Symbol.dispose](): void {
    libc().posix_spawnattr_destroy(this.address);
    this.#memory[Symbol.dispose]();
  }
}

/**
 * Start a child process and return its PID. The child has executed the program
 * when this returns.
 *
 * @throws {OsError} ENOENT, EACCES, ENOTDIR, EBADF, ...
 */
export function startChild(plan: ChildPlan): number {
  // The kernel reaps the children of a process that ignores SIGCHLD, which a
  // program inherits: how they end would be unknown (waitpid(2)).
  stopIgnoring(signalNumber("SIGCHLD"));
  using resources = new DisposableStack();
  const actions = resources.use(new FileActions());
  if (plan.directory !== undefined) actions.changeDirectory(plan.directory);
  const targets = [...plan.descriptors.keys()];
  for (const fd of openDescriptors()) {
    if (fd > 2 && !targets.includes(fd) && !isCloseOnExec(fd)) {
      actions.close(fd);
    }
  }
  // A target number can be the source of another descriptor, so all sources are
  // first copied to higher numbers. The copies are close-on-exec.
  const beyond = Math.max(2, ...targets) + 1;
  for (const [target, source] of plan.descriptors) {
    if (typeof source === "string") {
      actions.open(source, target);
      continue;
    }
    const copy = resources.use(
      new Descriptor(
        check(libc().fcntl(source, abi.F_DUPFD_CLOEXEC, beyond), "fcntl"),
      ),
    );
    actions.duplicate(copy.fd, target);
  }
  const attributes = resources.use(new Attributes(plan));
  const argv = resources.use(new StringArray(plan.argv));
  const environment = resources.use(new StringArray(plan.environment));
  const pid = new Int32Array(1);
  must(
    libc().posix_spawn(
      new Uint8Array(pid.buffer),
      losslessCString(plan.path),
      actions.address,
      attributes.address,
      argv.address,
      environment.address,
    ),
    "posix_spawn",
    plan.path,
  );
  return pid[0]!;
}

/** How a child ended: an exit code, or the number of a signal. */
export type Ending = { code: number } | { signal: number };

/** In ms; a wait that times out is repeated. */
const FOREVER = Infinity;

/**
 * A descriptor that is readable when the process has ended (pidfd_open(2),
 * Linux 5.3); `undefined` on older kernels.
 */
export function processDescriptor(pid: number): Descriptor | undefined {
  const fd = libc().syscall3(BigInt(abi.SYS_pidfd_open), BigInt(pid), 0n, 0n);
  return fd === -1n ? undefined : new Descriptor(Number(fd));
}

/** Is called in the turn in which a child is reaped. */
export interface EndObserver {
  /** The child has ended; its PID is still its own. */
  ended?: () => void;
  /** The child is reaped: its PID can belong to another process. */
  reaped?: (ending: Ending) => void;
}

/**
 * Wait until a child has ended, then reap it. The promise resolves after `reaped`
 * was called; another event may come between. Without pidfd_open(2) each wait uses
 * one of Deno's 32 threads for blocking calls.
 *
 * @throws {OsError} ECHILD when it was reaped elsewhere.
 */
export async function childEnding(
  pid: number,
  observer: EndObserver = {},
): Promise<Ending> {
  using process = processDescriptor(pid);
  using info = new NativeMemory(abi.layouts.siginfo_t.size);
  const options = abi.WEXITED | abi.WNOWAIT;
  while (true) {
    if (process !== undefined) await waitReady(process.fd, "read", FOREVER);
    // errno is lost on the other thread; waitpid below reports the error.
    else await libc().waitid_on_thread(abi.P_PID, pid, info.address, options);
    observer.ended?.();
    const status = new Int32Array(1);
    const bytes = new Uint8Array(status.buffer);
    const found = check(libc().waitpid(pid, bytes, abi.WNOHANG), "waitpid");
    if (found !== pid) continue;
    const ending = endingOf(status[0]!);
    observer.reaped?.(ending);
    return ending;
  }
}

/** WIFEXITED, WEXITSTATUS and WTERMSIG of waitpid(2). */
function endingOf(status: number): Ending {
  const signal = status & 0x7f;
  return signal === 0 ? { code: (status >> 8) & 0xff } : { signal };
}

/** kill(2). */
export function sendSignal(pid: number, signal: number): void {
  check(libc().kill(pid, signal), "kill", `${pid}`);
}

/**
 * The path of a command: found in PATH, unless it contains a slash. The working
 * directory is never searched. A relative path is one from `directory`, by
 * default the working directory of this process.
 *
 * @throws {OsError} ENOENT.
 */
export function commandPath(command: string, directory?: string): string {
  const from = (path: string) =>
    directory === undefined || path.startsWith("/")
      ? path
      : `${directory}/${path}`;
  if (command.includes("/")) return from(command);
  const found = candidates(command).filter((path) => path.includes("/"))
    .map(from)
    .find(isExecutable);
  if (found === undefined) {
    throw new OsError("posix_spawn", Errno.ENOENT, command);
  }
  return found;
}
