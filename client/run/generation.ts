import {
  childEnding,
  type Ending,
  sendSignal,
} from "../../ffi/child_process.ts";
import { OsError } from "../../ffi/errno.ts";
import { signalGroup } from "../../ffi/process_group.ts";
import { signalNumber } from "../../ffi/signal_numbers.ts";
import { endLeftovers } from "./leftovers.ts";
import { type Listener, Readiness, type ReadyWhen } from "./readiness.ts";
import { type Service, startService } from "./start.ts";

/** How a program is started and ended. */
export interface Manner {
  ready: ReadyWhen;
  /** How long it may take until it is ready, in ms. */
  readyTimeout: number;
  /** How long it may take to end, in ms. */
  grace: number;
  /** What asks it to end. */
  stopSignal: Deno.Signal;
}

/** One start of the program, from its beginning to its end. */
export class Generation {
  readonly number: number;
  readonly pid: number;
  /** How it ended, once it has. */
  readonly ended: Promise<Ending>;
  /** Resolves when it and every process it has left behind are gone. */
  readonly gone: Promise<void>;
  readonly #manner: Manner;
  readonly #refused: (reason: string) => void;
  readonly #started = performance.now();
  #over = false;
  #killed: ReturnType<typeof setTimeout> | undefined;

  private constructor(
    number: number,
    pid: number,
    manner: Manner,
    readiness: Readiness,
    refused: (reason: string) => void,
  ) {
    this.#refused = refused;
    this.number = number;
    this.pid = pid;
    this.#manner = manner;
    this.ended = this.#end(readiness);
    this.gone = this.ended.then(() => this.#endLeftovers());
  }

  /**
   * Starts the program.
   *
   * @throws {StartError}
   */
  static start(
    number: number,
    service: Service,
    manner: Manner,
    listener: Listener,
  ): Generation {
    const readiness = new Readiness(manner.ready, manner.readyTimeout);
    try {
      // Who is above us, if anyone, has been told of us and not of our child.
      const pid = startService(service, {
        NOTIFY_SOCKET: readiness.notifySocket,
      });
      readiness.listen(pid, listener);
      return new Generation(
        number,
        pid,
        manner,
        readiness,
        (reason) => listener.refused(reason),
      );
    } catch (error) {
      readiness[Symbol.dispose]();
      throw error;
    }
  }

  /** How long it has run, in ms. */
  get age(): number {
    return performance.now() - this.#started;
  }

  async #end(readiness: Readiness): Promise<Ending> {
    try {
      return await childEnding(this.pid);
    } finally {
      this.#over = true;
      clearTimeout(this.#killed);
      readiness[Symbol.dispose]();
    }
  }

  /**
   * Workers that outlive the program they belong to would go on taking
   * connections.
   */
  #endLeftovers(): Promise<void> {
    return endLeftovers(
      this.pid,
      this.#manner.grace,
      (action) => this.#allowed(action),
    );
  }

  /** Sends it a signal, if it still runs. */
  signal(signal: Deno.Signal): void {
    if (!this.#over) {
      this.#allowed(() => sendSignal(this.pid, signalNumber(signal)));
    }
  }

  /** A program that has become another user's is beyond our reach. */
  #allowed<T>(send: () => T): T | undefined {
    try {
      return send();
    } catch (error) {
      if (!(error instanceof OsError) || error.code !== "EPERM") throw error;
      this.#refused(error.message);
      return undefined;
    }
  }

  /** Asks it to end; who does not within the grace is killed. */
  stop(signal: Deno.Signal = this.#manner.stopSignal): void {
    this.signal(signal);
    this.#killed ??= setTimeout(() => this.kill(), this.#manner.grace);
  }

  /** Ends it, and every process of its group, at once. */
  kill(): void {
    if (!this.#over) {
      this.#allowed(() => signalGroup(this.pid, signalNumber("SIGKILL")));
    }
  }
}
