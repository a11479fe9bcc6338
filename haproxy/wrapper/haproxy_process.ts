import type { Ending } from "../../ffi/processes/child_process.ts";
import { Child } from "../../supervisor/child.ts";
import type { DrainingProcess } from "../../supervisor/ending/draining.ts";
import { renderedName } from "../configuration/config_file.ts";
import type { Configuration } from "../configuration/configuration.ts";
import { argumentsWith } from "../haproxy_arguments.ts";
import { descriptorsOf, environmentOf, type Program } from "../program.ts";

/** How long after SIGTERM a HAProxy is killed, in ms. */
export const KILL_AFTER = 5_000;

/** How long processes that a HAProxy left behind may take to end, in ms. */
const GROUP_GRACE = 5_000;

/** A HAProxy, from its start to its end. */
export class HaproxyProcess implements DrainingProcess {
  readonly #child: Child;
  /** Whether it accepts no connection any more and finishes those it has. */
  isDraining = false;
  /** Resolves when it and every process it left behind have ended. */
  readonly gone: Promise<void>;

  /**
   * Starts it. Once its listeners are bound it sends SIGUSR1 to each of
   * `oldPids`.
   *
   * @throws {StartError}
   */
  constructor(
    program: Program,
    configuration: Configuration,
    oldPids: readonly number[],
    onSignalDenied: (reason: string) => void,
  ) {
    this.#child = new Child({
      command: program.command,
      args: argumentsWith(program.arguments, renderedName, {
        first: ["-db"],
        last: ["-sf", ...oldPids.map(String)],
      }),
      environment: environmentOf(program),
      descriptors: descriptorsOf(configuration),
      onSignalDenied,
    });
    this.gone = this.ended.then(() => this.#child.endGroup(GROUP_GRACE));
  }

  /** Its PID; in master-worker mode that of the master. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Its name in messages. */
  get title(): string {
    return `HAProxy ${this.pid}`;
  }

  /** How it ended, once it has. */
  get ended(): Promise<Ending> {
    return this.#child.ended;
  }

  /** Whether it has not ended yet. */
  get isRunning(): boolean {
    return this.#child.isRunning;
  }

  /** How long ago it was started, in ms. */
  get age(): number {
    return this.#child.age;
  }

  /** Makes it drain, and end with its last connection. */
  drain(): void {
    if (this.isDraining) return;
    this.isDraining = true;
    this.#child.signal("SIGUSR1");
  }

  /**
   * Sends the signal to drain again, which HAProxy ignores while it drains. A master
   * that is reloading itself, because `systemctl kill` has sent it SIGHUP too,
   * loses the signal.
   */
  repeatDrain(): void {
    if (this.isDraining) this.#child.signal("SIGUSR1");
  }

  /**
   * Makes it accept connections again. A new HAProxy that cannot bind a port
   * sends SIGTTOU, which pauses the listeners of the old one, and does not undo
   * it when it is killed.
   */
  resume(): void {
    if (!this.isDraining) this.#child.signal("SIGTTIN");
  }

  /**
   * Continues it if it is stopped. A worker that fails sends SIGTTIN to the
   * HAProxy before it. One that is about to exit does not handle that signal
   * any more: the kernel stops it.
   */
  continue(): void {
    this.#child.signal("SIGCONT");
  }

  /** Makes it close its connections and end. */
  terminate(): void {
    this.isDraining = true;
    this.#child.signal("SIGTERM");
  }

  /** Makes it close its connections and end, and kills it if it does not. */
  cutShort(): void {
    this.terminate();
    const timer = setTimeout(() => this.kill(), KILL_AFTER);
    this.ended.then(() => clearTimeout(timer));
  }

  /** Kills it and every process of its group. */
  kill(): void {
    this.#child.kill();
  }
}
