import {
  childEnding,
  commandPath,
  type Ending,
  sendSignal,
  startChild,
} from "../../ffi/processes/child_process.ts";
import { Descriptor } from "../../ffi/files/descriptor.ts";
import {
  FIRST_LISTEN_FD,
  LISTEN_VARIABLES,
  listenVariables,
} from "../../ffi/systemd/listen_fds.ts";
import { initialEnvironment } from "../../ffi/processes/process.ts";
import {
  signalName,
  signalNumber,
} from "../../ffi/processes/signal_numbers.ts";
import type { Binding } from "./binding.ts";

/** A standard stream of a child: inherited, /dev/null, or a descriptor of this program. */
export type ChildStream = "inherit" | "null" | number;

/** Options of {@linkcode spawn}. */
export interface SpawnOptions {
  /** Arguments of the command. */
  args?: readonly string[];
  /**
   * Sockets for the child, by name. It gets them as descriptors 3, 4, ... in this
   * order.
   */
  bindings?: Readonly<Record<string, Binding>>;
  /** Other descriptor numbers in the child, by name. */
  at?: Readonly<Record<string, number>>;
  /**
   * Working directory.
   *
   * @default the working directory of this program
   */
  cwd?: string;
  /**
   * Variables to add to the environment that this program was started with.
   */
  env?: Readonly<Record<string, string>>;
  /**
   * Starts from an empty environment.
   *
   * @default false
   */
  clearEnv?: boolean;
  /**
   * Standard input of the child.
   *
   * @default "inherit"
   */
  stdin?: ChildStream;
  /**
   * Standard output of the child.
   *
   * @default "inherit"
   */
  stdout?: ChildStream;
  /**
   * Standard error of the child.
   *
   * @default "inherit"
   */
  stderr?: ChildStream;
  /** Sends SIGTERM to the child when it aborts. */
  signal?: AbortSignal;
}

/** A child that {@linkcode spawn} started, similar to `Deno.ChildProcess`. */
export class SpawnedChild implements AsyncDisposable {
  /** Process ID. */
  readonly pid: number;
  /** Resolves to the exit status. It keeps this program alive until then. */
  readonly status: Promise<Deno.CommandStatus>;
  #hasEnded = false;

  /** See {@linkcode spawn}. */
  constructor(pid: number, signal?: AbortSignal) {
    this.pid = pid;
    const kill = () => this.kill();
    const end = () => {
      this.#hasEnded = true;
      signal?.removeEventListener("abort", kill);
    };
    signal?.addEventListener("abort", kill, { once: true });
    this.status = childEnding(pid, { reaped: end }).then(statusOf);
    this.status.then(end, end);
  }

  /**
   * Sends a signal.
   *
   * @throws {TypeError} when the child has ended.
   */
  kill(signal: Deno.Signal = "SIGTERM"): void {
    if (this.#hasEnded) throw new TypeError("the child has ended");
    sendSignal(this.pid, signalNumber(signal));
  }

  /** Sends SIGTERM if the child still runs, and waits until it has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasEnded) this.kill();
    await this.status;
  }
}

function statusOf(ending: Ending): Deno.CommandStatus {
  if ("code" in ending) {
    return { success: ending.code === 0, code: ending.code, signal: null };
  }
  const signal = signalName(ending.signal) ?? null;
  return { success: false, code: 128 + ending.signal, signal };
}

/** Names by descriptor number in the child: the number in `at`, else the next free one. */
function namesByNumber(
  bindings: Readonly<Record<string, Binding>>,
  at: Readonly<Record<string, number>>,
): Map<number, string> {
  const placed = new Map<number, string>();
  for (const [name, number] of Object.entries(at)) {
    if (bindings[name] === undefined) {
      throw new TypeError(
        `at: there is no binding ${name} for descriptor ${number}`,
      );
    }
    if (!Number.isInteger(number) || number < 0) {
      throw new TypeError(`${number} is not a descriptor`);
    }
    const other = placed.get(number);
    if (other !== undefined) {
      throw new TypeError(`${other} and ${name} cannot both be at ${number}`);
    }
    placed.set(number, name);
  }
  let next = FIRST_LISTEN_FD;
  for (const name of Object.keys(bindings)) {
    if (at[name] !== undefined) continue;
    while (placed.has(next)) next++;
    placed.set(next, name);
  }
  return placed;
}

/** Names for LISTEN_FDNAMES, if the numbers have no gap (sd_listen_fds(3)). */
function listenNames(placed: Map<number, string>): string[] | undefined {
  if (placed.size === 0) return undefined;
  const names: string[] = [];
  for (let fd = FIRST_LISTEN_FD; fd < FIRST_LISTEN_FD + placed.size; fd++) {
    const name = placed.get(fd);
    if (name === undefined) return undefined;
    if (!/^[^:\p{Cc}]{1,255}$/u.test(name)) {
      throw new TypeError(
        `LISTEN_FDNAMES cannot hold ${JSON.stringify(name)}`,
      );
    }
    names.push(name);
  }
  return names;
}

/**
 * Sets LISTEN_PID and executes the command. Only the child knows its PID before
 * the exec, which keeps it.
 */
const SET_LISTEN_PID = 'export LISTEN_PID=$$; exec "$@"';

function environmentOf(
  { env = {}, clearEnv = false }: SpawnOptions,
  sockets: readonly { fd: number; name: string }[] | undefined,
): string[] {
  const entries = new Map<string, string>();
  for (const entry of clearEnv ? [] : initialEnvironment()) {
    const end = entry.indexOf("=", 1);
    entries.set(entry.slice(0, end), entry.slice(end + 1));
  }
  // These variables describe the sockets of this program, not of the child.
  for (const name of LISTEN_VARIABLES) entries.delete(name);
  for (const [name, value] of Object.entries(env)) entries.set(name, value);
  const passed = sockets === undefined ? {} : listenVariables(sockets);
  for (const [name, value] of Object.entries(passed)) entries.set(name, value);
  return Array.from(entries, ([name, value]) => `${name}=${value}`);
}

/**
 * Starts a program with the given sockets and no other descriptor from 3 on.
 *
 * The child has default signal handlers and no blocked signals (signal(7)).
 *
 * If the sockets are at 3, 4, ... without a gap, the child has LISTEN_FDS,
 * LISTEN_FDNAMES and LISTEN_PID (sd_listen_fds(3)), as under systemd, and
 * MULTIBINDER_FDS, by which {@linkcode inherited} recognises them. `/bin/sh`
 * sets LISTEN_PID and then executes the command under the same PID. Debian's
 * `/bin/sh` drops variables whose names have other characters than letters, digits
 * and underscores.
 *
 * `spawn` needs `--allow-ffi` for the C library but, unlike `Deno.Command`, not
 * `--allow-run`.
 *
 * @param command a path, or a name to search in PATH
 *
 * @throws {OsError} when the command cannot be started, such as ENOENT. If
 * `/bin/sh` starts it and the file is not executable, the child ends with status
 * 126 instead.
 * @throws {TypeError} for a closed Binding, for two sockets with the same number,
 * and for an invalid name in LISTEN_FDNAMES.
 *
 * @example
 * ```ts no-eval
 * import { bind, spawn } from "jsr:@multibinder/client";
 *
 * using web = await bind("127.0.0.1", 8000);
 * await using gunicorn = spawn("gunicorn", {
 *   args: ["app:app"],
 *   bindings: { web },
 * });
 * console.log((await gunicorn.status).code);
 * ```
 */
export function spawn(
  command: string,
  options: SpawnOptions = {},
): SpawnedChild {
  const { args = [], bindings = {}, at = {}, cwd, signal } = options;
  signal?.throwIfAborted();
  const placed = namesByNumber(bindings, at);
  const names = listenNames(placed);
  const descriptors = new Map<number, number | string>();
  [options.stdin, options.stdout, options.stderr].forEach((stream, fd) => {
    if (stream === undefined || stream === "inherit") return;
    descriptors.set(fd, stream === "null" ? "/dev/null" : stream);
  });
  using copies = new DisposableStack();
  for (const [fd, name] of placed) {
    const copy = copies.use(new Descriptor(bindings[name]!.dup()));
    descriptors.set(fd, copy.fd);
  }
  const path = commandPath(command);
  const argv = names === undefined
    ? [command, ...args]
    : ["/bin/sh", "-c", SET_LISTEN_PID, "sh", path, ...args];
  const pid = startChild({
    path: names === undefined ? path : "/bin/sh",
    argv,
    environment: environmentOf(
      options,
      names?.map((name, index) => ({
        name,
        fd: descriptors.get(FIRST_LISTEN_FD + index) as number,
      })),
    ),
    ...(cwd !== undefined && { directory: cwd }),
    descriptors,
  });
  return new SpawnedChild(pid, signal);
}
