import {
  childEnding,
  commandPath,
  type Ending,
  sendSignal,
  startChild,
} from "../ffi/processes/child_process.ts";
import { OsError } from "../ffi/libc/errno.ts";
import { checkExecutable } from "../ffi/files/file.ts";
import { signalGroup } from "../ffi/processes/process_group.ts";
import { signalNumber } from "../ffi/processes/signal_numbers.ts";
import { endProcessGroup } from "./ending/end_process_group.ts";
import { StartError } from "./errors.ts";

/** What to execute, and with which arguments. */
export interface Execution {
  path: string;
  argv: readonly string[];
}

/** How a child is started. */
export interface ChildOptions {
  /** The program. It is looked up in PATH unless it contains a slash. */
  command: string;
  args: readonly string[];
  /**
   * The working directory, absolute: relative paths of the program begin there.
   * Default: that of this process.
   */
  directory?: string | undefined;
  /** `NAME=value`. */
  environment: readonly string[];
  /** By its number in the child. Numbers from 0 to 2 default to ours. */
  descriptors: ReadonlyMap<number, number | string>;
  /** Starts the program, given its path, through another one. Default: none. */
  launcher?: (path: string) => Execution;
  /**
   * Hears why a signal could not be sent: a child that has become another user
   * may be out of reach.
   */
  onSignalDenied: (reason: string) => void;
}

/** The children that have not been reaped yet. */
const awaited = new Set<number>();

/** Whether a process is a child that is reaped here. */
export function isAwaited(pid: number): boolean {
  return awaited.has(pid);
}

/**
 * A child without descriptors other than the given ones, with every signal at
 * its default, and in its own process group, so that a signal which a terminal
 * sends to our group does not reach it.
 */
export class Child {
  readonly pid: number;
  /** Its working directory, if it is not that of this process. */
  readonly directory: string | undefined;
  /** How it ended, once it has. It is reaped then. */
  readonly ended: Promise<Ending>;
  readonly #onSignalDenied: (reason: string) => void;
  readonly #started = performance.now();
  #isRunning = true;

  /** @throws {StartError} */
  constructor(options: ChildOptions) {
    const { command, args, environment, descriptors, launcher, directory } =
      options;
    this.#onSignalDenied = options.onSignalDenied;
    this.directory = directory;
    this.pid = StartError.during(command, () => {
      const path = commandPath(command, directory);
      checkExecutable(path);
      const execution = launcher?.(path) ?? { path, argv: [command, ...args] };
      return startChild({
        ...execution,
        environment,
        descriptors,
        ...(directory !== undefined && { directory }),
        ownGroup: true,
      });
    });
    awaited.add(this.pid);
    this.ended = this.#reap();
  }

  async #reap(): Promise<Ending> {
    try {
      return await childEnding(this.pid);
    } finally {
      this.#isRunning = false;
      awaited.delete(this.pid);
    }
  }

  /** Whether it has not ended yet. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** How long ago it was started, in ms. */
  get age(): number {
    return performance.now() - this.#started;
  }

  /** Sends it a signal, if it still runs. */
  signal(signal: Deno.Signal): void {
    if (!this.#isRunning) return;
    this.#permitted(() => sendSignal(this.pid, signalNumber(signal)));
  }

  /** Kills it and every process of its group, if it still runs. */
  kill(): void {
    if (!this.#isRunning) return;
    this.#permitted(() => signalGroup(this.pid, signalNumber("SIGKILL")));
  }

  /**
   * Once it has ended: ends the processes that it left behind in its group, by
   * SIGKILL after `grace` ms.
   */
  endGroup(grace: number): Promise<void> {
    return endProcessGroup(
      this.pid,
      grace,
      (action) => this.#permitted(action),
    );
  }

  #permitted<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof OsError) || error.code !== "EPERM") throw error;
      this.#onSignalDenied(error.message);
      return undefined;
    }
  }
}
