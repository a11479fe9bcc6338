import { formatDuration } from "../../duration.ts";
import type { Ending } from "../../ffi/processes/child_process.ts";
import type { EndedProcess } from "../child.ts";
import { CommandQueue } from "../command_queue.ts";
import { Draining, type DrainLimits } from "../ending/draining.ts";
import {
  messageOf,
  NotReadyError,
  StartError,
  StoppedError,
} from "../errors.ts";
import { Generation, type GenerationOptions } from "../generation.ts";
import { OnDemand, type OnDemandOptions } from "../on_demand/on_demand.ts";
import type { ReadyWhen } from "../readiness.ts";
import { formatEnding, type Report } from "../report.ts";
import { formatPause, RestartBackoff } from "../restart_backoff.ts";
import {
  isSuccess,
  type RestartLimits,
  RestartPolicy,
  type UnexpectedEnd,
} from "../restarts/restart_policy.ts";
import { checkService, type Service } from "../service.ts";
import { TimedState } from "../timed_state.ts";

type State =
  /** No generation serves, and one is being started. */
  | "starting"
  /** A generation serves. */
  | "serving"
  /** No generation serves, and the next start is after a pause. */
  | "backing off"
  /** No generation serves, and the next start is by a connection. */
  | "waiting"
  /** All generations were asked to end. */
  | "stopping";

/** When a worker without connections is ready. */
const JOINING: ReadyWhen = { kind: "delay", delay: 2_000 };

/** How a worker is started, replaced and stopped. */
export type WorkerOptions = GenerationOptions & DrainLimits & RestartLimits & {
  /** Starts it when a connection waits. Default: it is started at once. */
  onDemand?: OnDemandOptions | undefined;
};

/** Hears what happens to a worker. */
export interface WorkerEvents {
  /** It serves or waits, or it does not any more. */
  changed(): void;
  /** The generation that serves sent STATUS=. */
  status(text: string): void;
  /** It has ended and is not restarted. */
  gaveUp(ending: Ending): void;
}

/**
 * Keeps one process of a service running, and replaces it without a gap: the
 * old generation is stopped when the new one is ready.
 */
export class Worker {
  readonly #service: Service;
  readonly #options: WorkerOptions;
  readonly #draining: Draining;
  readonly #report: Report;
  readonly #events: WorkerEvents;
  /** Starts, reloads, restarts and the stop. */
  readonly #queue = new CommandQueue();
  readonly #backoff = new RestartBackoff();
  readonly #policy: RestartPolicy;
  readonly #onDemand: OnDemand | undefined;
  /** Generations, each with the end of it and of its process group. */
  readonly #generations = new Map<Generation, Promise<void>>();
  readonly #gone = Promise.withResolvers<Ending>();
  readonly #state = new TimedState<State>("starting");
  /** When the next start is, while none serves. */
  #status = "Starting";
  /** The generation that is ready. */
  #serving: Generation | undefined;
  /** The generation that is not ready yet. */
  #starting: Generation | undefined;
  #count = 0;
  /** The generation whose ending is that of the worker, when stopping. */
  #last: Generation | undefined;
  #lastEnding: Ending = { code: 0 };

  /** `report` takes the lines about this worker. */
  constructor(
    service: Service,
    options: WorkerOptions,
    report: Report,
    events: WorkerEvents,
  ) {
    this.#service = service;
    this.#options = options;
    this.#draining = new Draining(options, report);
    this.#policy = new RestartPolicy(options);
    this.#report = report;
    this.#events = events;
    this.#onDemand = options.onDemand &&
      new OnDemand(service.descriptors, options.onDemand, report);
  }

  /**
   * Starts it, or has it wait for a connection. If it crashes before it is ready, it
   * is restarted after a pause.
   *
   * @throws {StartError} when it cannot be started.
   * @throws {StoppedError}
   */
  start(): Promise<void> {
    return this.#queue.add("start", async () => {
      if (this.#onDemand !== undefined) {
        checkService(this.#service);
        return this.#waitForConnection(this.#onDemand);
      }
      try {
        await this.#replace();
      } catch (error) {
        // The program exists and crashed, perhaps not for ever.
        if (!(error instanceof NotReadyError)) throw error;
        this.#failed(error);
      }
    });
  }

  /**
   * Starts it, and resolves when it is ready. It is not restarted before that. It
   * gets no connections yet, so a probe would wait for ever: instead it is ready
   * when it has run for a time.
   *
   * @throws {StartError}
   * @throws {NotReadyError}
   * @throws {StoppedError}
   */
  startOnce(): Promise<void> {
    const { ready } = this.#options;
    const isProbed = ready.kind === "tcp" || ready.kind === "http";
    const joining = isProbed ? JOINING : ready;
    return this.#queue.add("start", () => this.#replace(joining));
  }

  /**
   * Replaces the generation that serves: resolves when the new one is ready.
   * All requests that arrive while a reload is under way become one more.
   *
   * @throws {StartError}
   * @throws {NotReadyError}
   * @throws {StoppedError}
   */
  reload(): Promise<void> {
    return this.#queue.add("reload", async () => {
      this.#backoff.reset();
      this.#policy.reset();
      if (!this.isWaiting) return await this.#replaceOrBackOff();
      this.#report("nothing to replace: the next start is the new version");
    });
  }

  /**
   * Sends a signal to the generations that were not asked to end, once they are
   * ready.
   */
  signal(signal: Deno.Signal): void {
    this.#serving?.signalWhenReady(signal);
    this.#starting?.signalWhenReady(signal);
  }

  /** Ends all generations, with `signal` instead of the usual one if given. */
  stop(signal?: Deno.Signal): void {
    this.#close();
    for (const each of this.#generations.keys()) each.stop(signal);
  }

  /** Kills all generations and the processes that they left behind. */
  kill(): void {
    for (const each of this.#generations.keys()) each.kill();
  }

  /** Ends all generations, the one that serves when it has drained. */
  drain(): void {
    this.#close();
    this.#starting?.stop();
    if (this.#serving !== undefined) this.#drain(this.#serving);
  }

  #close(): void {
    if (this.#state.is("stopping")) return;
    // What has ended before is no reason for an exit status.
    if (this.isWaiting) this.#lastEnding = { code: 0 };
    this.#onDemand?.cancel();
    this.#state.enter("stopping");
    this.#last = this.#serving ?? this.#starting;
    this.#queue.close(new StoppedError("the service"), async () => {
      await Promise.all(this.#generations.values());
      this.#gone.resolve(this.#lastEnding);
    });
  }

  /**
   * After a {@linkcode Worker.stop} or {@linkcode Worker.drain}: how it ended,
   * once all generations and the processes they left behind have ended.
   */
  get gone(): Promise<Ending> {
    return this.#gone.promise;
  }

  /** Whether a generation is ready. */
  get isServing(): boolean {
    return this.#serving !== undefined;
  }

  /** Whether it is started by the next connection. */
  get isWaiting(): boolean {
    return this.#state.is("waiting");
  }

  /** What it does, for the service manager. */
  get status(): string {
    return this.#serving === undefined
      ? this.#status
      : `Generation ${this.#serving.number} serves as process ${this.#serving.pid}`;
  }

  async #replaceOrBackOff(): Promise<void> {
    try {
      await this.#replace();
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  /** Starts a generation, and stops the one before once it is ready. */
  async #replace(ready = this.#options.ready): Promise<void> {
    if (this.#serving === undefined) this.#state.enter("starting");
    const next = this.#launch(ready);
    this.#starting = next;
    try {
      const startup = await next.startup;
      if (startup === "late") this.#killLate(next);
      const isReady = startup === "ready" && next.isRunning;
      if (!isReady || this.#state.is("stopping")) await notReady(next);
    } finally {
      this.#starting = undefined;
    }
    const before = this.#serving;
    this.#serving = next;
    this.#state.enter("serving");
    this.#report(`generation ${next.number}: ready`);
    this.#events.changed();
    if (before !== undefined) this.#drain(before);
    // Last, since it fails without a free descriptor.
    this.#onDemand?.watchIdle(() => this.#endIdle());
  }

  #drain(generation: Generation): void {
    generation.drain();
    this.#draining.add(generation);
  }

  #killLate(generation: Generation): void {
    const timeout = formatDuration(this.#options.readyTimeout);
    this.#report(
      `generation ${generation.number}: not ready within ${timeout}, killed`,
    );
    generation.kill();
  }

  #launch(ready: ReadyWhen): Generation {
    const number = this.#count + 1;
    const generation: Generation = new Generation(
      number,
      this.#service,
      { ...this.#options, ready },
      {
        status: (text) => {
          if (generation === this.#serving) this.#events.status(text);
        },
        replaced: (before, next) => this.#replacedItself(number, before, next),
        ended: (ending) => this.#ended(generation, ending),
        notice: (text) => this.#report(`generation ${number}: ${text}`),
      },
    );
    this.#count = number;
    this.#generations.set(generation, this.#untilGone(generation));
    const { pid, directory } = generation;
    this.#report(
      `generation ${number}: started ${
        this.#service.command[0]
      } as process ${pid}${directory === undefined ? "" : ` in ${directory}`}`,
    );
    return generation;
  }

  #replacedItself(
    number: number,
    { pid, ending }: EndedProcess,
    next: number,
  ): void {
    this.#report(
      `generation ${number}: process ${pid} ended with ${
        formatEnding(ending)
      }, and process ${next} goes on in its place`,
    );
  }

  async #untilGone(generation: Generation): Promise<void> {
    await generation.gone;
    this.#generations.delete(generation);
  }

  #ended(generation: Generation, ending: Ending): void {
    const { number, pid } = generation;
    this.#report(
      `generation ${number}: process ${pid} ended with ${formatEnding(ending)}`,
    );
    const isStopping = this.#state.is("stopping");
    if (!isStopping || generation === this.#last) this.#lastEnding = ending;
    if (generation !== this.#serving) return;
    this.#serving = undefined;
    if (isStopping) return;
    this.#onDemand?.cancel();
    if (this.#starting === undefined) {
      const lifetime = generation.age;
      return this.#backOff({ ending, lifetime, wasReady: true });
    }
    this.#state.enter("starting");
    this.#status = "Starting";
    this.#events.changed();
  }

  /** After a start that failed. */
  #failed(error: unknown): void {
    if (this.#state.is("stopping")) return;
    const isKnown = error instanceof NotReadyError;
    if (!isKnown) this.#report(messageOf(error));
    if (this.#serving === undefined) {
      this.#backOff(unexpectedEnd(error));
    } else {
      this.#report(
        `reload failed: generation ${this.#serving.number} keeps serving`,
      );
    }
  }

  #backOff(end: UnexpectedEnd): void {
    if (this.#onDemand !== undefined && isSuccess(end.ending)) {
      return this.#waitAgain(this.#onDemand, end);
    }
    const refusal = this.#policy.refusal(end);
    if (refusal !== undefined) return this.#giveUp(end, refusal);
    this.#pause(end, "restarting", "Crashed", () => this.#restart());
  }

  #giveUp({ ending }: UnexpectedEnd, reason: string): void {
    this.#report(`not restarted: ${reason}`);
    this.#lastEnding = ending;
    this.#events.gaveUp(ending);
  }

  #pause(
    { lifetime }: UnexpectedEnd,
    what: string,
    why: string,
    then: () => void,
  ): void {
    const pause = this.#backoff.pauseAfter(lifetime);
    const when = formatPause(pause);
    this.#report(`${what} ${when}`);
    this.#status = `${why}, ${what} ${when}`;
    this.#state.enter("backing off", { after: pause, then });
    this.#events.changed();
  }

  #restart(): void {
    const restart = this.#queue.add("restart", async () => {
      if (this.#serving === undefined) await this.#replaceOrBackOff();
    });
    // Failures were reported, and the next restart is planned.
    restart.catch(() => {});
  }

  #waitForConnection(onDemand: OnDemand): void {
    this.#state.enter("waiting");
    this.#status = "Waiting for a connection";
    this.#report("waits for a connection");
    this.#events.changed();
    onDemand.waitForConnection(() => this.#startNeeded());
  }

  /**
   * Waits after an end with exit code 0. A program that has left the connection in the
   * queue would be started again and again.
   */
  #waitAgain(onDemand: OnDemand, end: UnexpectedEnd): void {
    if (onDemand.hasAccepted) {
      this.#backoff.reset();
      this.#policy.reset();
      return this.#waitForConnection(onDemand);
    }
    const reason = this.#policy.limitReached(end);
    if (reason !== undefined) return this.#giveUp(end, reason);
    const why = "Ended without accepting the connection";
    const then = () => this.#waitForConnection(onDemand);
    this.#pause(end, "waiting for a connection again", why, then);
  }

  #startNeeded(): void {
    const start = this.#queue.add("start", async () => {
      if (!this.isWaiting) return;
      this.#report("a connection waits");
      this.#status = "Starting";
      await this.#replaceOrBackOff();
    });
    // Failures were reported, and the next start is planned.
    start.catch(() => {});
  }

  #endIdle(): void {
    const idle = this.#serving;
    const onDemand = this.#onDemand;
    if (idle === undefined || onDemand === undefined) return;
    // A reload is under way: its generation gets a watch when it is ready.
    if (this.#starting !== undefined) {
      return onDemand.watchIdle(() => this.#endIdle());
    }
    const time = formatDuration(this.#options.onDemand!.idle);
    this.#report(`${idle.title}: no connection for ${time}: asked to end`);
    this.#serving = undefined;
    this.#drain(idle);
    this.#waitForConnection(onDemand);
  }
}

/** The end because of which a start has failed. */
function unexpectedEnd(error: unknown): UnexpectedEnd {
  if (error instanceof NotReadyError) {
    const { ending, lifetime } = error;
    return { ending, lifetime, wasReady: false };
  }
  const code = error instanceof StartError ? error.status : 1;
  return { ending: { code }, lifetime: 0, wasReady: false };
}

/** Waits for the end of a generation and throws. */
async function notReady(generation: Generation): Promise<never> {
  const ending = await generation.ended;
  throw new NotReadyError(
    `generation ${generation.number} ended before it was ready`,
    ending,
    generation.age,
  );
}
