import {
  childEnding,
  commandPath,
  type Ending,
  sendSignal,
  startChild,
} from "../../ffi/processes/child_process.ts";
import { Descriptor } from "../../ffi/files/descriptor.ts";
import { LISTEN_VARIABLES } from "../../ffi/systemd/listen_fds.ts";
import { initialEnvironment } from "../../ffi/processes/process.ts";
import {
  signalName,
  signalNumber,
} from "../../ffi/processes/signal_numbers.ts";
import type { Binding } from "./binding.ts";

/** Where a standard stream of a child goes: nowhere, or to a descriptor of ours. */
export type ChildStream = "inherit" | "null" | number;

/** Options of {@linkcode spawn}. */
export interface SpawnOptions {
  /** Arguments of the command. Default: none. */
  args?: readonly string[];
  /**
   * The sockets that the child gets, by name, at 3, 4, ... in this order.
   * Default: none.
   */
  bindings?: Readonly<Record<string, Binding>>;
  /** Other numbers for some of them, by name. Default: none. */
  at?: Readonly<Record<string, number>>;
  /** Working directory. Default: this program's. */
  cwd?: string;
  /**
   * Variables to set. Default: none; the child has the environment that this
   * program was started with.
   */
  env?: Readonly<Record<string, string>>;
  /** Starts from an empty environment. Default: false. */
  clearEnv?: boolean;
  /** Default: "inherit". */
  stdin?: ChildStream;
  /** Default: "inherit". */
  stdout?: ChildStream;
  /** Default: "inherit". */
  stderr?: ChildStream;
  /** Sends SIGTERM when it aborts. Default: none. */
  signal?: AbortSignal;
}

/** A child that {@linkcode spawn} started, much like a `Deno.ChildProcess`. */
export class SpawnedChild implements AsyncDisposable {
  /** Its process. */
  readonly pid: number;
  /** How it ended, once it has. Waiting keeps this program alive. */
  readonly status: Promise<Deno.CommandStatus>;
  #ended = false;

  /** See {@linkcode spawn}. */
  constructor(pid: number) {
    this.pid = pid;
    const end = () => this.#ended = true;
    this.status = childEnding(pid).then(statusOf);
    this.status.then(end, end);
  }

  /**
   * Sends a signal.
   *
   * @throws {TypeError} when the child has ended.
   */
  kill(signal: Deno.Signal = "SIGTERM"): void {
    if (this.#ended) throw new TypeError("the child has ended");
    sendSignal(this.pid, signalNumber(signal));
  }

  /** Sends SIGTERM, unless it has ended, and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) this.kill();
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

/** SD_LISTEN_FDS_START. */
const FIRST = 3;

/** The number of each socket in the child: the chosen one, else the next. */
function numbers(
  bindings: Readonly<Record<string, Binding>>,
  at: Readonly<Record<string, number>>,
): Map<number, string> {
  const placed = new Map<number, string>();
  for (const [name, number] of Object.entries(at)) {
    if (bindings[name] === undefined) {
      throw new TypeError(`there is no binding ${name} to put at ${number}`);
    }
    if (!Number.isInteger(number) || number < 0) {
      throw new TypeError(`${number} is no descriptor`);
    }
    const other = placed.get(number);
    if (other !== undefined) {
      throw new TypeError(`${other} and ${name} cannot both be at ${number}`);
    }
    placed.set(number, name);
  }
  let next = FIRST;
  for (const name of Object.keys(bindings)) {
    if (at[name] !== undefined) continue;
    while (placed.has(next)) next++;
    placed.set(next, name);
  }
  return placed;
}

/** The names in order, where sd_listen_fds(3) can tell of them. */
function listenNames(placed: Map<number, string>): string[] | undefined {
  if (placed.size === 0) return undefined;
  const names: string[] = [];
  for (let fd = FIRST; fd < FIRST + placed.size; fd++) {
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
 * Becomes the command after it has said which process that is. Nobody knows
 * the PID of a child before it runs, and an exec keeps it.
 */
const TELL_PID = 'export LISTEN_PID=$$; exec "$@"';

function environmentOf(
  { env = {}, clearEnv = false }: SpawnOptions,
  names: readonly string[] | undefined,
): string[] {
  const entries = new Map<string, string>();
  for (const entry of clearEnv ? [] : initialEnvironment()) {
    const end = entry.indexOf("=", 1);
    entries.set(entry.slice(0, end), entry.slice(end + 1));
  }
  // What was passed to us was not passed to the child.
  for (const name of LISTEN_VARIABLES) entries.delete(name);
  for (const [name, value] of Object.entries(env)) entries.set(name, value);
  if (names !== undefined) {
    entries.set("LISTEN_FDS", `${names.length}`);
    entries.set("LISTEN_FDNAMES", names.join(":"));
  }
  return Array.from(entries, ([name, value]) => `${name}=${value}`);
}

/**
 * Starts a program with the given sockets and no other descriptor from 3 on:
 * not the other Bindings, nor anything else that this program has open. Every
 * signal is at its default and none is blocked.
 *
 * Sockets at 3, 4, ... without a gap are announced by LISTEN_FDS,
 * LISTEN_FDNAMES and LISTEN_PID (sd_listen_fds(3)), as systemd does. Because
 * LISTEN_PID is the child's own, `/bin/sh` is started, sets it and becomes the
 * command: the PID stays the same. Debian's `/bin/sh` passes on no variable
 * whose name is not made of letters, digits and underscores.
 *
 * It needs `--allow-ffi` for the C library and, unlike `Deno.Command`, no
 * `--allow-run`.
 *
 * @param command a path, or a name that is looked for in PATH
 *
 * @throws {OsError} ENOENT and the like when the command cannot be started; a
 * file that is no program ends with status 126 where `/bin/sh` was to start it.
 * @throws {TypeError} for a Binding that is closed, numbers that collide, a
 * name that LISTEN_FDNAMES cannot hold.
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
  const placed = numbers(bindings, at);
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
    : ["/bin/sh", "-c", TELL_PID, "sh", path, ...args];
  const child = new SpawnedChild(startChild({
    path: names === undefined ? path : "/bin/sh",
    argv,
    environment: environmentOf(options, names),
    ...(cwd !== undefined && { directory: cwd }),
    descriptors,
  }));
  if (signal !== undefined) endWith(child, signal);
  return child;
}

function endWith(child: SpawnedChild, signal: AbortSignal): void {
  const end = () => child.kill();
  signal.addEventListener("abort", end, { once: true });
  const forget = () => signal.removeEventListener("abort", end);
  child.status.then(forget, forget);
}
