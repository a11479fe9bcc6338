import { endLeftovers } from "../client/run/leftovers.ts";
import type { Ending } from "../ffi/child_process.ts";
import { OsError } from "../ffi/errno.ts";
import { LISTEN_VARIABLES } from "../ffi/listen_fds.ts";
import { signalGroup } from "../ffi/process_group.ts";
import { signalNumber } from "../ffi/signal_numbers.ts";
import { Child } from "./child.ts";
import { renderedName } from "./config_file.ts";
import type { Configuration } from "./configuration.ts";
import { argumentsWith, type HaproxyArguments } from "./haproxy_arguments.ts";
import { FIRST_DESCRIPTOR } from "./render.ts";

/** HAProxy, as it is to be started any number of times. */
export interface Program {
  command: string;
  arguments: HaproxyArguments;
  env: Readonly<Record<string, string>>;
}

/** Who is above us, if anyone, has been told of us and not of our child. */
const NOT_FOR_CHILDREN: ReadonlySet<string> = new Set([
  ...LISTEN_VARIABLES,
  "NOTIFY_SOCKET",
  "WATCHDOG_PID",
  "WATCHDOG_USEC",
]);

/** The environment of HAProxy. */
export function environmentOf({ env }: Program): string[] {
  return Object.entries(env)
    .filter(([name]) => !NOT_FOR_CHILDREN.has(name))
    .map(([name, value]) => `${name}=${value}`);
}

/** The descriptors of HAProxy: its sockets from 3 on, and no input. */
export function descriptorsOf(
  { descriptors }: Configuration,
): Map<number, number | string> {
  return new Map<number, number | string>([
    [0, "/dev/null"],
    ...descriptors.map((fd, index) => [FIRST_DESCRIPTOR + index, fd] as const),
  ]);
}

/** How long what a HAProxy leaves behind has to end, in ms. */
const LEFTOVER_GRACE = 5_000;

/** A HAProxy, from its start to its end. */
export class HaproxyProcess {
  readonly #child: Child;
  readonly #refused: (reason: string) => void;
  readonly #started = performance.now();
  /** Whether it was told to finish its connections. */
  finishing = false;
  /** Resolves when it and every process it has left behind are gone. */
  readonly gone: Promise<void>;

  /**
   * Starts it; it tells `predecessors` to finish when it is ready.
   *
   * @throws {StartError}
   */
  constructor(
    program: Program,
    readonly configuration: Configuration,
    predecessors: readonly number[],
    refused: (reason: string) => void,
  ) {
    this.#refused = refused;
    this.#child = new Child({
      command: program.command,
      args: argumentsWith(program.arguments, renderedName, {
        first: ["-db"],
        last: ["-sf", ...predecessors.map(String)],
      }),
      environment: environmentOf(program),
      descriptors: descriptorsOf(configuration),
    });
    this.gone = this.ended.then(() =>
      endLeftovers(this.pid, LEFTOVER_GRACE, (action) => this.#allowed(action))
    );
  }

  /** Its process; of a master and its workers the master. */
  get pid(): number {
    return this.#child.pid;
  }

  /** How it ended, once it has. */
  get ended(): Promise<Ending> {
    return this.#child.ended;
  }

  /** Whether it has ended. */
  get over(): boolean {
    return this.#child.over;
  }

  /** How long it has run, in ms. */
  get age(): number {
    return performance.now() - this.#started;
  }

  /** Has it accept nothing more and end with its last connection. */
  finish(): void {
    if (this.finishing) return;
    this.finishing = true;
    this.#signal("SIGUSR1");
  }

  /**
   * Has it accept again. A new HAProxy that cannot bind a port has the old
   * ones pause (SIGTTOU), and one that is killed meanwhile leaves them so.
   */
  resume(): void {
    if (!this.finishing) this.#signal("SIGTTIN");
  }

  /**
   * Has it go on. A worker that fails sends SIGTTIN to those before it; one
   * that is about to exit does not handle that signal any more, and stops.
   */
  continue(): void {
    this.#signal("SIGCONT");
  }

  /** Has it close its connections and end. */
  terminate(): void {
    this.finishing = true;
    this.#signal("SIGTERM");
  }

  /** Ends it, and every process of its group, at once. */
  kill(): void {
    if (this.over) return;
    this.#allowed(() => signalGroup(this.pid, signalNumber("SIGKILL")));
  }

  #signal(signal: Deno.Signal): void {
    this.#allowed(() => this.#child.signal(signal));
  }

  /** A process that has become another user's may be beyond our reach. */
  #allowed<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof OsError) || error.code !== "EPERM") throw error;
      this.#refused(error.message);
      return undefined;
    }
  }
}
