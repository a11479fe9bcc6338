import {
  childEnding,
  commandPath,
  type Ending,
  sendSignal,
  startChild,
} from "../ffi/processes/child_process.ts";
import { OsError } from "../ffi/libc/errno.ts";
import { checkExecutable } from "../ffi/files/file.ts";
import { processStatus, signalGroup } from "../ffi/processes/process_group.ts";
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
  /** Signals that it blocks. Default: none. */
  blocked?: readonly Deno.Signal[];
  /** Starts the program, given its path, through another one. Default: none. */
  launcher?: (path: string) => Execution;
  /**
   * Finds the process that goes on in the place of one that has ended, such as
   * the new master of a server that replaces itself: a child of this process.
   * Default: none.
   */
  successor?: (before: EndedProcess) => number | undefined;
  /**
   * Hears why a signal could not be sent: a child that has become another user
   * may be out of reach.
   */
  onSignalDenied: (reason: string) => void;
}

/** A process that has ended. */
export interface EndedProcess {
  pid: number;
  /** The name of its program, if it could be seen. */
  name: string | undefined;
  ending: Ending;
}

/** The children that have not been reaped yet. */
const awaited = new Set<number>();

/** Whether a process is a child that is reaped here. */
export function isAwaited(pid: number): boolean {
  return awaited.has(pid);
}

/**
 * A child without descriptors other than the given ones, with every signal at
 * its default and only the given ones blocked, and in its own process group, so
 * that a signal which a terminal sends to our group does not reach it.
 */
export class Child {
  /** The process that was started, which leads the process group. */
  readonly #leader: number;
  #pid: number;
  /** Groups that successors lead. */
  readonly #otherGroups = new Set<number>();
  /** Its working directory, if it is not that of this process. */
  readonly directory: string | undefined;
  /** How it ended, once it has. It is reaped then. */
  readonly ended: Promise<Ending>;
  readonly #onSignalDenied: (reason: string) => void;
  readonly #successor: NonNullable<ChildOptions["successor"]>;
  readonly #started = performance.now();
  #isRunning = true;
  #isKilled = false;
  /** Whether it has ended, and its group is being ended. */
  #isEndingGroup = false;

  /** @throws {StartError} */
  constructor(options: ChildOptions) {
    const { command, args, environment, descriptors, launcher } = options;
    const { directory, blocked } = options;
    this.#onSignalDenied = options.onSignalDenied;
    this.#successor = options.successor ?? (() => undefined);
    this.directory = directory;
    this.#leader = StartError.during(command, () => {
      const path = commandPath(command, directory);
      checkExecutable(path);
      const execution = launcher?.(path) ?? { path, argv: [command, ...args] };
      return startChild({
        ...execution,
        environment,
        descriptors,
        blocked,
        directory,
        ownGroup: true,
      });
    });
    this.#pid = this.#leader;
    this.ended = this.#untilEnd();
  }

  /** Its PID; that of its successor if it has replaced itself. */
  get pid(): number {
    return this.#pid;
  }

  async #untilEnd(): Promise<Ending> {
    while (true) {
      const pid = this.#pid;
      let name: string | undefined;
      awaited.add(pid);
      try {
        const ending = await childEnding(pid, {
          ended: () => name = processStatus(pid)?.name,
          reaped: (ending) => this.#reaped({ pid, name, ending }),
        });
        if (!this.#isRunning) return ending;
      } catch (error) {
        this.#isRunning = false;
        throw error;
      } finally {
        awaited.delete(pid);
      }
    }
  }

  /** In the turn of the end, so that no signal is lost or goes to another process. */
  #reaped(ended: EndedProcess): void {
    const next = this.#successor(ended);
    if (next === undefined) {
      this.#isRunning = false;
      return;
    }
    this.#pid = next;
    awaited.add(next);
    const group = processStatus(next)?.group;
    if (group === next) this.#otherGroups.add(group);
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

  /** Kills it and every process of its group that still runs. */
  kill(): void {
    if (!this.#isRunning && !this.#isEndingGroup) return;
    this.#isKilled = true;
    const signal = signalNumber("SIGKILL");
    for (const leader of [this.#leader, ...this.#otherGroups]) {
      this.#permitted(() => signalGroup(leader, signal));
    }
    // A successor may be in another group, which it does not lead.
    if (this.#pid !== this.#leader) this.signal("SIGKILL");
  }

  /**
   * Once it has ended: ends the processes that it left behind in its group, by
   * SIGKILL after `grace` ms.
   */
  async endGroup(grace: number): Promise<void> {
    this.#isEndingGroup = true;
    const ends = [this.#leader, ...this.#otherGroups].map((leader) =>
      endProcessGroup(
        leader,
        () => this.#isKilled ? 0 : grace,
        (action) => this.#permitted(action),
      )
    );
    await Promise.all(ends);
    // From now on the number may be that of another group.
    this.#isEndingGroup = false;
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
