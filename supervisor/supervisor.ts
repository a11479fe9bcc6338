import { formatDuration } from "../duration.ts";
import type { Ending } from "../ffi/processes/child_process.ts";
import type { ServiceManager } from "../ffi/systemd/service_manager.ts";
import type { EndedProcess } from "./child.ts";
import { CommandQueue } from "./command_queue.ts";
import { Draining, type DrainLimits } from "./ending/draining.ts";
import { messageOf, NotReadyError, StoppedError } from "./errors.ts";
import { Generation, type GenerationOptions } from "./generation.ts";
import { formatEnding, type Report } from "./report.ts";
import { formatPause, RestartBackoff } from "./restart_backoff.ts";
import type { Service } from "./service.ts";
import { TimedState } from "./timed_state.ts";

type State =
  /** No generation serves, and one is being started. */
  | "starting"
  /** A generation serves. */
  | "serving"
  /** No generation serves, and the next start is after a pause. */
  | "backing off"
  /** All generations were asked to end. */
  | "stopping"
  | "stopped";

/**
 * Keeps one process of a service running, and replaces it without a gap: the
 * old generation is stopped when the new one is ready.
 */
export class Supervisor {
  readonly #service: Service;
  readonly #options: GenerationOptions;
  readonly #draining: Draining;
  readonly #report: Report;
  readonly #manager: ServiceManager | undefined;
  /** Starts, reloads, restarts and the stop. */
  readonly #queue = new CommandQueue();
  readonly #backoff = new RestartBackoff();
  /** Generations, each with the end of it and of its process group. */
  readonly #generations = new Map<Generation, Promise<void>>();
  readonly #finished = Promise.withResolvers<Ending>();
  readonly #state = new TimedState<State>("starting");
  /** The generation that is ready. */
  #serving: Generation | undefined;
  /** The generation that is not ready yet. */
  #starting: Generation | undefined;
  #count = 0;
  /** The generation whose ending is that of the service, when stopping. */
  #last: Generation | undefined;
  #lastEnding: Ending = { code: 0 };

  constructor(
    service: Service,
    options: GenerationOptions & DrainLimits,
    report: Report,
    manager: ServiceManager | undefined,
  ) {
    this.#service = service;
    this.#options = options;
    this.#draining = new Draining(options, report);
    this.#report = report;
    this.#manager = manager;
  }

  /**
   * Starts the service and supervises it: how it ended, after a
   * {@linkcode Supervisor.stop}.
   *
   * @throws {StartError} when it cannot be started the first time.
   */
  async run(): Promise<Ending> {
    await this.#queue.add("start", () => this.#start());
    return await this.#finished.promise;
  }

  async #start(): Promise<void> {
    try {
      await this.#replace();
    } catch (error) {
      // The program exists and crashed, perhaps not for ever.
      if (!(error instanceof NotReadyError)) throw error;
      this.#failed(error);
    }
  }

  /** Sends a signal to the generations that were not asked to end. */
  signal(signal: Deno.Signal): void {
    this.#serving?.signal(signal);
    this.#starting?.signal(signal);
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
      this.#manager?.reloading();
      this.#backoff.reset();
      await this.#replaceOrBackOff();
    });
  }

  /** Ends all generations, with `signal` instead of the usual one if given. */
  stop(signal?: Deno.Signal): void {
    if (!this.#state.is("stopping", "stopped")) {
      this.#manager?.stopping();
      this.#state.enter("stopping");
      this.#last = this.#serving ?? this.#starting;
      const reason = new StoppedError("the service");
      this.#queue.close(reason, async () => {
        await Promise.all(this.#generations.values());
        this.#state.enter("stopped");
        this.#finished.resolve(this.#lastEnding);
      });
    }
    for (const each of this.#generations.keys()) each.stop(signal);
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
  async #replace(): Promise<void> {
    if (this.#serving === undefined) this.#state.enter("starting");
    const next = this.#launch();
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
    this.#manager?.ready(this.#status);
    if (before === undefined) return;
    before.drain();
    this.#draining.add(before);
  }

  #killLate(generation: Generation): void {
    const timeout = formatDuration(this.#options.readyTimeout);
    this.#report(
      `generation ${generation.number}: not ready within ${timeout}, killed`,
    );
    generation.kill();
  }

  #launch(): Generation {
    const number = this.#count + 1;
    const generation: Generation = new Generation(
      number,
      this.#service,
      this.#options,
      {
        status: (text) => {
          if (generation === this.#serving) this.#manager?.status(text);
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
    if (this.#starting === undefined) this.#backOff(generation.age);
    else this.#state.enter("starting");
  }

  /** After a start that failed. */
  #failed(error: unknown): void {
    if (this.#state.is("stopping")) return;
    const isKnown = error instanceof NotReadyError;
    if (!isKnown) this.#report(messageOf(error));
    if (this.#serving === undefined) {
      this.#backOff(isKnown ? error.lifetime : 0);
      return;
    }
    this.#report(
      `reload failed: generation ${this.#serving.number} keeps serving`,
    );
    this.#manager?.ready(`${this.#status}; the last reload failed`);
  }

  #backOff(lifetime: number): void {
    const pause = this.#backoff.pauseAfter(lifetime);
    const when = formatPause(pause);
    this.#report(`restarting ${when}`);
    this.#manager?.status(`Crashed, restarting ${when}`);
    const then = () => this.#restart();
    this.#state.enter("backing off", { after: pause, then });
  }

  #restart(): void {
    const restart = this.#queue.add("restart", async () => {
      if (this.#serving === undefined) await this.#replaceOrBackOff();
    });
    // Failures were reported, and the next restart is planned.
    restart.catch(() => {});
  }

  get #status(): string {
    return this.#serving === undefined
      ? "Starting"
      : `Generation ${this.#serving.number} serves as process ${this.#serving.pid}`;
  }
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
