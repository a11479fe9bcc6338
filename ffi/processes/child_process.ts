/**
 * Children with exactly the descriptors they shall have: posix_spawn(3),
 * waitid(2), kill(2).
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { cString } from "../libc/c_string.ts";
import { Descriptor, isCloseOnExec } from "../files/descriptor.ts";
import { check, Errno, OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { signalSet } from "./signal_mask.ts";
import { NativeMemory } from "../libc/memory.ts";
import { waitReady } from "../files/readiness.ts";
import {
  environmentVariable,
  openDescriptors,
  StringArray,
} from "./process.ts";

/** posix_spawn_file_actions_t has 80 bytes and posix_spawnattr_t 336. */
const OPAQUE = 512;

/** What a child is started with. */
export interface ChildPlan {
  /** The program, by path. */
  path: string;
  argv: readonly string[];
  /** `NAME=value`. */
  environment: readonly string[];
  /** Its working directory. Default: ours. */
  directory?: string;
  /**
   * The descriptors it has: by its number, ours or what to open there for
   * reading and writing. 0, 1 and 2 it has anyway, from 3 on no others.
   */
  descriptors: ReadonlyMap<number, number | string>;
  /** Whether it leads a process group of its own. Default: false. */
  ownGroup?: boolean;
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
        cString(path),
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
      libc().posix_spawn_file_actions_addchdir_np(this.address, cString(path)),
      "posix_spawn",
      path,
    );
  }

  [Symbol.dispose](): void {
    libc().posix_spawn_file_actions_destroy(this.address);
    this.#memory[Symbol.dispose]();
  }
}

/** posix_spawnattr_t: no signal blocked, every signal at its default. */
class Attributes implements Disposable {
  readonly #memory = new NativeMemory(OPAQUE);

  constructor(ownGroup: boolean) {
    const { address } = this.#memory;
    must(libc().posix_spawnattr_init(address), "posix_spawn");
    const set = signalSet([]);
    must(libc().posix_spawnattr_setsigmask(address, set), "posix_spawn");
    check(libc().sigfillset(set), "sigfillset");
    must(libc().posix_spawnattr_setsigdefault(address, set), "posix_spawn");
    // The group is 0, the child's own, unless another is set.
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
 * Starts a child: its PID. Synchronous, also in that the program runs when it
 * returns.
 *
 * @throws {OsError} ENOENT, EACCES, ENOTDIR, EBADF, ...
 */
export function startChild(plan: ChildPlan): number {
  using resources = new DisposableStack();
  const actions = resources.use(new FileActions());
  if (plan.directory !== undefined) actions.changeDirectory(plan.directory);
  const targets = [...plan.descriptors.keys()];
  for (const fd of openDescriptors()) {
    if (fd > 2 && !targets.includes(fd) && !isCloseOnExec(fd)) {
      actions.close(fd);
    }
  }
  // The number that one descriptor goes to may be the one that another comes
  // from: all of them step out of the way first. The copies are close-on-exec.
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
  const attributes = resources.use(new Attributes(plan.ownGroup ?? false));
  const argv = resources.use(new StringArray(plan.argv));
  const environment = resources.use(new StringArray(plan.environment));
  const pid = new Int32Array(1);
  must(
    libc().posix_spawn(
      new Uint8Array(pid.buffer),
      cString(plan.path),
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

/** siginfo_t has 128 bytes. */
const SIGINFO = 128;

/** How a child ended: an exit code, or the number of a signal. */
export type Ending = { code: number } | { signal: number };

/** Longer than any child runs, in ms; a wait that is over begins again. */
const FOREVER = Infinity;

/**
 * A descriptor that is readable once the process has ended (pidfd_open(2),
 * Linux 5.3); `undefined` where there is no such thing.
 */
function processDescriptor(pid: number): Descriptor | undefined {
  const fd = libc().syscall3(BigInt(abi.SYS_pidfd_open), BigInt(pid), 0n, 0n);
  return fd === -1n ? undefined : new Descriptor(Number(fd));
}

/**
 * Waits until a child has ended, then reaps it. Until the promise resolves the
 * PID is the child's, dead or alive. Without pidfd_open(2) each wait takes one
 * of the 32 threads that Deno has for what blocks.
 *
 * @throws {OsError} ECHILD when somebody else has reaped it.
 */
export async function childEnding(pid: number): Promise<Ending> {
  using process = processDescriptor(pid);
  using info = new NativeMemory(SIGINFO);
  const options = abi.WEXITED | abi.WNOWAIT;
  while (true) {
    if (process !== undefined) await waitReady(process.fd, "read", FOREVER);
    // Its errno is lost: waitpid below tells.
    else await libc().waitid_on_thread(abi.P_PID, pid, info.address, options);
    const status = new Int32Array(1);
    const bytes = new Uint8Array(status.buffer);
    const reaped = check(libc().waitpid(pid, bytes, abi.WNOHANG), "waitpid");
    if (reaped === pid) return endingOf(status[0]!);
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

/** Where execvp(3) looks when nothing else is said. */
const DEFAULT_PATH = "/bin:/usr/bin";

/**
 * The path of a command, which is looked for in PATH unless it has a slash.
 *
 * @throws {OsError} ENOENT.
 */
export function commandPath(command: string): string {
  if (command.includes("/")) return command;
  const path = environmentVariable("PATH") ?? DEFAULT_PATH;
  const found = path.split(":").filter((each) => each !== "")
    .map((directory) => `${directory}/${command}`)
    .find((each) => libc().access(cString(each), abi.X_OK) === 0);
  if (found !== undefined && command !== "") return found;
  throw new OsError("posix_spawn", Errno.ENOENT, command);
}
