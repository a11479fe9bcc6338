import { formatDuration } from "../duration.ts";
import type { Ending } from "../ffi/processes/child_process.ts";
import type { Child, EndedProcess } from "./child.ts";
import type { DrainingProcess } from "./ending/draining.ts";
import { Readiness, type ReadyWhen } from "./readiness.ts";
import { type Service, startService } from "./service.ts";
import { findBackground, findSuccessor } from "./successor.ts";
import { Watchdog } from "./restarts/watchdog.ts";

/** How long after SIGTERM a generation is killed, in ms. */
const KILL_AFTER = 5_000;

/** How a generation is started and stopped. */
export interface GenerationOptions {
  ready: ReadyWhen;
  /** How long it may take to get ready, in ms. */
  readyTimeout: number;
  /** How often it has to send WATCHDOG=1 once it is ready, in ms. */
  watchdog?: number | undefined;
  /** How long it may take to end after a stop, in ms. */
  grace: number;
  /** The signal that asks it to end. */
  stopSignal: Deno.Signal;
}

/** How a start went; `late` is after the ready timeout. */
export type Startup = "ready" | "late" | "ended";

/** Hears what happens to a generation. */
export interface GenerationEvents {
  /** It sent STATUS=. */
  status(text: string): void;
  /** Its process has ended, and the process `next` goes on in its place. */
  replaced(before: EndedProcess, next: number): void;
  /** It ended. Called before `startup` resolves because of that. */
  ended(ending: Ending): void;
  /** Something that the operator should know. */
  notice(text: string): void;
}

/** A program that goes to the background is started again and again. */
function reportBackground(
  before: EndedProcess,
  sockets: readonly number[],
  notice: (line: string) => void,
): void {
  const pid = findBackground(before, sockets);
  if (pid === undefined) return;
  notice(
    `process ${pid} is in the background with a socket: start COMMAND in the foreground`,
  );
}

/** One start of a service, from its start to its end. */
export class Generation implements DrainingProcess {
  /** How its start went. */
  readonly startup: Promise<Startup>;
  /** How it ended, once it has. */
  readonly ended: Promise<Ending>;
  /** Resolves when it and every process it left behind have ended. */
  readonly gone: Promise<void>;
  readonly #child: Child;
  readonly #options: GenerationOptions;
  /** The process that goes on when its process ends, as announced by MAINPID=. */
  #announced: number | undefined;
  #watchdog: Watchdog | undefined;
  #isAskedToEnd = false;
  #killTimer: ReturnType<typeof setTimeout> | undefined;

  /** @throws {StartError} */
  constructor(
    readonly number: number,
    service: Service,
    options: GenerationOptions,
    events: GenerationEvents,
  ) {
    this.#options = options;
    const startup = Promise.withResolvers<Startup>();
    this.startup = startup.promise;
    using onFailure = new DisposableStack();
    const readiness = onFailure.use(
      new Readiness(options.ready, options.readyTimeout, {
        uid: service.user?.uid,
        hasWatchdog: options.watchdog !== undefined,
      }),
    );
    const { descriptors } = service;
    const { watchdog } = options;
    // Our own NOTIFY_SOCKET is the service manager's, which expects messages
    // of this process only.
    this.#child = startService(
      service,
      {
        NOTIFY_SOCKET: readiness.notifySocket,
        WATCHDOG_USEC: watchdog === undefined
          ? undefined
          : String(Math.round(watchdog * 1000)),
      },
      events.notice,
      (before) => {
        if (this.#isAskedToEnd) return undefined;
        // It may have sent MAINPID= just before its end.
        readiness.receive();
        const next = findSuccessor(before, descriptors, this.#announced);
        this.#announced = undefined;
        if (next !== undefined) events.replaced(before, next);
        else reportBackground(before, descriptors, events.notice);
        return next;
      },
    );
    if (watchdog !== undefined) {
      const receive = () => readiness.receive();
      this.#watchdog = new Watchdog(watchdog, receive, () => {
        const limit = formatDuration(watchdog);
        events.notice(`no WATCHDOG=1 within ${limit} (--watchdog), killed`);
        this.#abort();
      });
    }
    readiness.listen(this.pid, descriptors, {
      ready: () => {
        startup.resolve("ready");
        this.#watchdog?.start();
      },
      alive: () => this.#watchdog?.report(),
      late: (reason) => {
        if (reason !== undefined) events.notice(reason);
        startup.resolve("late");
      },
      blind: (reason) => {
        // At the first start no other generation can have accepted.
        if (number === 1) return;
        events.notice(
          `another generation may have accepted the connection that makes it ready: ${reason}`,
        );
      },
      status: events.status,
      mainProcess: (pid) => this.#announced = pid,
    });
    this.ended = this.#end(readiness, (ending) => {
      events.ended(ending);
      startup.resolve("ended");
    });
    this.gone = this.ended.then(() => this.#child.endGroup(options.grace));
    onFailure.move();
  }

  async #end(
    readiness: Readiness,
    ended: (ending: Ending) => void,
  ): Promise<Ending> {
    try {
      const ending = await this.#child.ended;
      ended(ending);
      return ending;
    } finally {
      clearTimeout(this.#killTimer);
      this.#watchdog?.[Symbol.dispose]();
      readiness[Symbol.dispose]();
    }
  }

  /** Its name in messages. */
  get title(): string {
    return `generation ${this.number}`;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Its working directory, if it is not that of this process. */
  get directory(): string | undefined {
    return this.#child.directory;
  }

  get isRunning(): boolean {
    return this.#child.isRunning;
  }

  /** How long ago it was started, in ms. */
  get age(): number {
    return this.#child.age;
  }

  /** Sends it a signal, if it still runs. */
  signal(signal: Deno.Signal): void {
    this.#child.signal(signal);
  }

  /**
   * Sends it a signal that does not ask it to end, once it is ready: a program that
   * starts may not handle the signal yet, which would end it.
   */
  async signalWhenReady(signal: Deno.Signal): Promise<void> {
    if (await this.startup === "ready") this.signal(signal);
  }

  /** Asks it to end, for as long as it needs. */
  drain(): void {
    this.#askToEnd();
    this.signal(this.#options.stopSignal);
  }

  /** Asks it to end, and kills it with its process group after the grace. */
  stop(signal: Deno.Signal = this.#options.stopSignal): void {
    if (!this.#child.isRunning) return;
    this.#askToEnd();
    this.signal(signal);
    this.#killAfter(this.#options.grace);
  }

  /**
   * Ends it when it has drained for long enough: by SIGTERM and then SIGKILL, or
   * by SIGKILL at once if SIGTERM was what asked it to end.
   */
  cutShort(): void {
    if (this.#options.stopSignal === "SIGTERM") return this.kill();
    this.signal("SIGTERM");
    this.#killAfter(KILL_AFTER);
  }

  /** What is asked to end has no successor, and need not send WATCHDOG=1. */
  #askToEnd(): void {
    this.#isAskedToEnd = true;
    this.#watchdog?.[Symbol.dispose]();
  }

  /** Ends it with a core dump, as systemd does. */
  #abort(): void {
    this.#askToEnd();
    this.signal("SIGABRT");
    this.#killAfter(KILL_AFTER);
  }

  #killAfter(delay: number): void {
    if (!this.#child.isRunning) return;
    this.#killTimer ??= setTimeout(() => this.kill(), delay);
  }

  /** Kills it and its process group. */
  kill(): void {
    this.#askToEnd();
    this.#child.kill();
  }
}
