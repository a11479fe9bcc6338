/**
 * The process: its command line and environment, exec, limits, descriptors.
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import {
  cString,
  losslessCString,
  losslessText,
  textAt,
} from "../libc/c_string.ts";
import { setCloseOnExec } from "../files/descriptor.ts";
import { check, Errno, lastErrno, OsError } from "../libc/errno.ts";
import { namesIn, readFile, realPath } from "../files/file.ts";
import { probeDescriptors } from "../files/probe_descriptors.ts";
import {
  argumentsInMemory,
  environmentInMemory,
} from "../libc/initial_process.ts";
import { libc } from "../libc/libc.ts";
import { NativeMemory, viewOf } from "../libc/memory.ts";

// Deno.args has a byte order mark.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

function strings(bytes: Uint8Array<ArrayBuffer>): string[] {
  const text = losslessText(bytes);
  return text === "" ? [] : text.replace(/\0$/, "").split("\0");
}

/** The content of a file of /proc; that of the memory if it cannot be read. */
function readProc(
  path: string,
  inMemory: () => Uint8Array<ArrayBuffer> | undefined,
): Uint8Array<ArrayBuffer> {
  try {
    return readFile(path);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    const found = inMemory();
    if (found === undefined) throw error;
    return found;
  }
}

/** getpid(2). */
export function processId(): number {
  return libc().getpid();
}

/** getuid(2). */
export function userId(): number {
  return libc().getuid();
}

/**
 * Whether a process exists (kill(2) with signal 0). One that this process cannot
 * see, with pid 0, counts as one that exists.
 */
export function isRunning(pid: number): boolean {
  return pid <= 0 || libc().kill(pid, 0) === 0 || lastErrno() !== Errno.ESRCH;
}

/**
 * The command line this process was started with (proc_pid_cmdline(5)). A byte
 * that is not UTF-8 is a lone surrogate, which {@linkcode StringArray} turns back.
 */
export function commandLine(): string[] {
  return strings(readProc("/proc/self/cmdline", argumentsInMemory));
}

/**
 * `Deno.args`, where bytes that are not UTF-8 are lost, with these bytes as in
 * {@linkcode commandLine}. The same as `Deno.args` if the command line cannot be
 * read.
 */
export function ownArguments(): string[] {
  const args = [...Deno.args];
  if (!args.some((each) => each.includes("\ufffd"))) return args;
  try {
    const lossless = commandLine().slice(-args.length);
    const isSame = lossless.length === args.length &&
      lossless.every((each, index) =>
        decoder.decode(losslessCString(each).subarray(0, -1)) === args[index]
      );
    return isSame ? lossless : args;
  } catch {
    // The program reports why the C library cannot be used.
    return args;
  }
}

/**
 * The environment this process was started with, as `NAME=value`
 * (proc_pid_environ(5)). Later changes are in it only if that file cannot be
 * read. A byte that is not UTF-8 is a lone surrogate, which
 * {@linkcode StringArray} turns back.
 */
export function initialEnvironment(): string[] {
  return strings(readProc("/proc/self/environ", environmentInMemory));
}

/** getenv(3), without `--allow-env`. */
export function environmentVariable(name: string): string | undefined {
  return textAt(libc().getenv(cString(name)));
}

/**
 * setenv(3): children and a program that this process executes inherit the
 * variable.
 */
export function setEnvironmentVariable(name: string, value: string): void {
  check(libc().setenv(cString(name), cString(value), 1), "setenv", name);
}

/** unsetenv(3): children no longer inherit the variable. */
export function unsetEnvironmentVariable(name: string): void {
  check(libc().unsetenv(cString(name)), "unsetenv", name);
}

/** A NULL-terminated array of C strings, as execve(2) takes them. */
export class StringArray implements Disposable {
  readonly #strings: NativeMemory[] = [];
  readonly #array: NativeMemory;

  constructor(texts: readonly string[]) {
    for (const text of texts) {
      this.#strings.push(NativeMemory.of(losslessCString(text)));
    }
    const bytes = new Uint8Array(8 * (texts.length + 1));
    const view = viewOf(bytes);
    this.#strings.forEach(({ address }, index) =>
      view.setBigUint64(8 * index, address, true)
    );
    this.#array = NativeMemory.of(bytes);
  }

  get address(): bigint {
    return this.#array.address;
  }

  [Symbol.dispose](): void {
    for (const text of this.#strings) text[Symbol.dispose]();
    this.#array[Symbol.dispose]();
  }
}

/**
 * execve(2): executes another program in this process. The PID and every
 * descriptor that is not close-on-exec stay.
 *
 * @throws {OsError} ENOENT, EACCES, E2BIG, ...; nothing has changed then.
 */
export function execute(
  path: string,
  argv: readonly string[],
  environment: readonly string[],
): never {
  using argvArray = new StringArray(argv);
  using environmentArray = new StringArray(environment);
  libc().execve(
    losslessCString(path),
    argvArray.address,
    environmentArray.address,
  );
  throw new OsError("execve", lastErrno(), path);
}

/**
 * Like {@linkcode execute}, with the environment of this process as it is now
 * (execv(3)). /proc/self/environ, which {@linkcode initialEnvironment} reads,
 * is not readable for a program whose binary is executable but not readable.
 *
 * @throws {OsError} as {@linkcode execute}.
 */
export function executeWithOwnEnvironment(
  path: string,
  argv: readonly string[],
): never {
  using argvArray = new StringArray(argv);
  libc().execv(losslessCString(path), argvArray.address);
  throw new OsError("execv", lastErrno(), path);
}

/** Whether the working directory still exists (getcwd(3)). */
export function hasWorkingDirectory(): boolean {
  try {
    realPath(".");
    return true;
  } catch (error) {
    if (error instanceof OsError) return false;
    throw error;
  }
}

/** chdir(2). */
export function changeDirectory(path: string): void {
  check(libc().chdir(cString(path)), "chdir", path);
}

/** The soft limit that the kernel gives to the first process (INR_OPEN_CUR). */
const USUAL_LIMIT = 1024;

// One buffer: the daemon reads its limit for each client.
const { rlimit } = abi.layouts;
const limit = new Uint8Array(rlimit.size);
const limitView = viewOf(limit);

/**
 * The limit of open descriptors (RLIMIT_NOFILE, getrlimit(2)). Where a filter of
 * seccomp(2) refuses to tell it, it is the usual one.
 */
export function descriptorLimit(): { soft: number; hard: number } {
  if (libc().getrlimit(abi.RLIMIT_NOFILE, limit) === -1) {
    return { soft: USUAL_LIMIT, hard: USUAL_LIMIT };
  }
  return {
    soft: Number(limitView.getBigUint64(rlimit.rlim_cur, true)),
    hard: Number(limitView.getBigUint64(rlimit.rlim_max, true)),
  };
}

/** Raises the soft limit of open descriptors to the hard one (setrlimit(2)). */
export function raiseDescriptorLimit(): void {
  const { soft, hard } = descriptorLimit();
  if (soft === hard) return;
  const bytes = new Uint8Array(rlimit.size);
  const view = viewOf(bytes);
  view.setBigUint64(rlimit.rlim_cur, BigInt(hard), true);
  view.setBigUint64(rlimit.rlim_max, BigInt(hard), true);
  check(libc().setrlimit(abi.RLIMIT_NOFILE, bytes), "setrlimit");
}

/** CLOCK_MONOTONIC in microseconds (clock_gettime(2)). */
export function monotonicMicroseconds(): bigint {
  const layout = abi.layouts.timespec;
  const bytes = new Uint8Array(layout.size);
  check(libc().clock_gettime(abi.CLOCK_MONOTONIC, bytes), "clock_gettime");
  const view = viewOf(bytes);
  return view.getBigInt64(layout.tv_sec, true) * 1_000_000n +
    view.getBigInt64(layout.tv_nsec, true) / 1_000n;
}

// The first number after standard input, output and error.
const FIRST = 3;

/**
 * Sets FD_CLOEXEC on every descriptor except the three standard ones: with one
 * call (close_range(2), Linux 5.11), or one by one on older kernels.
 */
export function setAllCloseOnExec(): void {
  const { SYS_close_range, CLOSE_RANGE_CLOEXEC, UINT_MAX } = abi;
  const result = libc().syscall3(
    BigInt(SYS_close_range),
    BigInt(FIRST),
    BigInt(UINT_MAX),
    BigInt(CLOSE_RANGE_CLOEXEC),
  );
  if (result === 0n) return;
  for (const fd of openDescriptors()) {
    if (fd >= FIRST) setCloseOnExec(fd, true);
  }
}

/**
 * The number of open descriptors. Counting needs one more descriptor: without a
 * spare one the result is the limit.
 */
export function openDescriptorCount(): number {
  try {
    // The list includes the descriptor that reads it.
    return namesIn("/proc/self/fd").length - 1;
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    const { soft } = descriptorLimit();
    if (error.errno === Errno.EMFILE) return soft;
    return probeDescriptors(soft).length;
  }
}

/** The open descriptors in ascending order. */
export function openDescriptors(): number[] {
  try {
    // The list includes the descriptor that read it, which is closed now.
    return namesIn("/proc/self/fd").map(Number)
      .filter((fd) => libc().fcntl(fd, abi.F_GETFD, 0) !== -1)
      .sort((one, other) => one - other);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    return probeDescriptors(descriptorLimit().soft);
  }
}
