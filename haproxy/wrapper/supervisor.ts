import { resolve } from "@std/path/posix";
import type { ConnectOptions } from "../../client/session/options.ts";
import { formatDuration } from "../../duration.ts";
import type { Ending } from "../../ffi/processes/child_process.ts";
import type { ServiceManager } from "../../ffi/systemd/service_manager.ts";
import { CommandQueue } from "../../supervisor/command_queue.ts";
import { Draining } from "../../supervisor/ending/draining.ts";
import { messageOf, StoppedError } from "../../supervisor/errors.ts";
import { formatEnding, type Report } from "../../supervisor/report.ts";
import {
  formatPause,
  RestartBackoff,
} from "../../supervisor/restart_backoff.ts";
import { TimedState } from "../../supervisor/timed_state.ts";
import { RejectedError, validate } from "../configuration/check.ts";
import type { Configuration } from "../configuration/configuration.ts";
import { prepare } from "../configuration/prepare.ts";
import type { Program } from "../program.ts";
import { reportOnce } from "../report_once.ts";
import { Configurations } from "./configurations.ts";
import { type HaproxyProcess, KILL_AFTER } from "./haproxy_process.ts";
import type { Limits } from "./limits.ts";
import { PidFile } from "./pid_file.ts";
import { takeOver } from "./take_over.ts";

type State =
  /** No HAProxy serves, and one is being started. */
  | "starting"
  /** A HAProxy serves. */
  | "serving"
  /** A HAProxy serves with a configuration that is on trial. */
  | "on trial"
  /** No HAProxy serves, and the next start is after a pause. */
  | "backing off"
  /** All HAProxies were asked to end. */
  | "stopping"
  | "stopped";

/**
 * How long a new configuration is on trial once HAProxy is ready with it, in ms.
 * Errors that `haproxy -c` does not find, such as a `user` that HAProxy may not
 * become, end it some milliseconds after it has made the old one drain.
 */
const TRIAL = 1_000;

/** Keeps a HAProxy running, and replaces it without a gap. */
export class Supervisor {
  readonly #program: Program;
  readonly #connect: ConnectOptions;
  readonly #limits: Limits;
  readonly #report: Report;
  readonly #reportOnce: Report;
  readonly #manager: ServiceManager | undefined;
  readonly #pidFile: PidFile | undefined;
  /** The start, reloads, restarts and the stop. */
  readonly #queue = new CommandQueue();
  readonly #state = new TimedState<State>("starting");
  readonly #backoff = new RestartBackoff();
  readonly #configurations = new Configurations();
  /** Each with the end of it and of its process group. */
  readonly #processes = new Map<HaproxyProcess, Promise<void>>();
  /** Those that were replaced. */
  readonly #draining: Draining;
  readonly #finished = Promise.withResolvers<Ending>();
  /** The process that is ready. */
  #serving: HaproxyProcess | undefined;
  /** The process that is not ready yet. */
  #starting: HaproxyProcess | undefined;
  /** How the process that served last ended. */
  #lastEnding: Ending = { code: 0 };
  /** Why the last reload failed, if it did. */
  #failure: string | undefined;

  constructor(
    program: Program,
    connect: ConnectOptions,
    limits: Limits,
    report: Report,
    manager: ServiceManager | undefined,
  ) {
    this.#program = program;
    this.#connect = connect;
    this.#limits = limits;
    this.#report = report;
    this.#reportOnce = reportOnce(report);
    this.#draining = new Draining(limits, report);
    this.#manager = manager;
    const { pidFile, directory } = program.arguments;
    this.#pidFile = pidFile === undefined
      ? undefined
      : new PidFile(resolve(directory ?? ".", pidFile));
  }

  /** The PID of the HAProxy that serves; `undefined` while none does. */
  get serving(): number | undefined {
    return this.#serving?.pid;
  }

  /** The PIDs of those that only finish their connections. */
  get draining(): number[] {
    return Array.from(this.#processes.keys())
      .filter((each) =>
        each !== this.#serving && each.isDraining && each.isRunning
      )
      .map(({ pid }) => pid);
  }

  /** Whether it was asked to stop. */
  get isStopping(): boolean {
    return this.#state.is("stopping", "stopped");
  }

  /**
   * How the HAProxy that served last ended, once all have ended after a
   * {@linkcode Supervisor.stop}.
   */
  get finished(): Promise<Ending> {
    return this.#finished.promise;
  }

  /**
   * Starts the first HAProxy and waits until it is ready. When that fails, it
   * stops and then throws.
   *
   * @throws {TemplateError}
   * @throws {RejectedError}
   * @throws {NotReadyError}
   * @throws {StoppedError}
   */
  async start(): Promise<void> {
    this.#reportIgnoredArguments();
    try {
      await this.#queue.add("start", (interrupted) => this.#start(interrupted));
    } catch (error) {
      await this.finished;
      throw error;
    }
  }

  async #start(interrupted: AbortSignal): Promise<void> {
    try {
      await this.#replace(interrupted);
    } catch (error) {
      if (this.isStopping) throw stoppedError();
      this.stop();
      throw error;
    }
    this.#manager?.ready(this.#status);
  }

  #reportIgnoredArguments(): void {
    const { background, takeoverOptions } = this.#program.arguments;
    if (background.length > 0) {
      this.#report(
        `ignoring ${background.join(", ")}: HAProxy runs in the foreground`,
      );
    }
    for (const option of takeoverOptions) {
      this.#report(
        `ignoring ${option}: the wrapper tells each new HAProxy which process it replaces`,
      );
    }
  }

  /**
   * Replaces HAProxy by one with the templates as they are now: resolves when
   * the new one is ready. When it fails, the one that serves is not touched.
   * All requests that arrive while a reload is under way become one more.
   *
   * @throws {TemplateError}
   * @throws {RejectedError}
   * @throws {NotReadyError}
   * @throws {StoppedError}
   */
  reload(): Promise<void> {
    return this.#queue.add(
      "reload",
      (interrupted) => this.#reload(interrupted),
    );
  }

  async #reload(interrupted: AbortSignal): Promise<void> {
    this.#manager?.reloading();
    try {
      await this.#replace(interrupted);
    } catch (error) {
      if (this.isStopping) throw stoppedError();
      // A restart goes first; then the reload begins again.
      if (error === interrupted.reason) throw error;
      this.#reloadFailed(error);
      throw error;
    }
    this.#manager?.ready(this.#status);
  }

  #reloadFailed(error: unknown): void {
    const reason = messageOf(error);
    [this.#failure] = error instanceof RejectedError
      ? [error.brief]
      : reason.split("\n", 1);
    this.#report(`reload failed: ${reason}`);
    if (this.#serving !== undefined) {
      this.#report(
        `HAProxy ${this.#serving.pid} keeps serving with its configuration`,
      );
    }
    this.#backOffIfStarting();
    this.#manager?.ready(this.#status);
  }

  /**
   * Stops: each HAProxy finishes its connections, for at most the grace. Called
   * again, it ends them at once.
   */
  stop(): Promise<Ending> {
    if (this.#state.is("stopping")) this.#terminate();
    else if (!this.isStopping) {
      this.#manager?.stopping();
      const then = () => this.#terminate();
      this.#state.enter("stopping", { after: this.#limits.grace, then });
      for (const each of this.#processes.keys()) each.drain();
      this.#queue.close(stoppedError(), () => this.#finish());
    }
    return this.finished;
  }

  #terminate(): void {
    for (const each of this.#processes.keys()) each.terminate();
    const then = () => {
      for (const each of this.#processes.keys()) each.kill();
    };
    this.#state.enter("stopping", { after: KILL_AFTER, then });
  }

  async #finish(): Promise<void> {
    await Promise.all(this.#processes.values());
    this.#reportErrorOf(() => this.#pidFile?.[Symbol.dispose]());
    this.#configurations[Symbol.dispose]();
    this.#state.enter("stopped");
    this.#finished.resolve(this.#lastEnding);
  }

  /** Prepares a configuration and starts a HAProxy with it. */
  async #replace(interrupted: AbortSignal): Promise<void> {
    const next = await prepare({
      ...this.#connect,
      signal: interrupted,
      arguments: this.#program.arguments,
      env: this.#program.env,
      held: this.#configurations.current?.sockets,
      supervised: true,
      reportOnce: this.#reportOnce,
    });
    try {
      const { readyTimeout } = this.#limits;
      await validate(this.#program, next, readyTimeout, interrupted);
      await this.#startWith(next, interrupted);
    } finally {
      if (this.#configurations.current !== next) next[Symbol.dispose]();
    }
  }

  /** Starts a HAProxy with a configuration and waits until it is ready. */
  async #startWith(
    configuration: Configuration,
    interrupted: AbortSignal,
  ): Promise<void> {
    interrupted.throwIfAborted();
    if (this.#serving === undefined) this.#state.enter("starting");
    let next: HaproxyProcess;
    try {
      if (configuration === this.#configurations.current) {
        configuration.restore();
      } else configuration.install();
      next = await this.#takeOver(configuration, interrupted);
    } catch (error) {
      this.#reportErrorOf(() => this.#configurations.current?.restore());
      throw error;
    } finally {
      this.#starting = undefined;
    }
    if (this.isStopping) throw stoppedError();
    this.#use(configuration);
    if (next.isRunning) this.#serve(next);
    else {
      this.#serving = undefined;
      this.#backOff(next.age);
    }
  }

  /** An error that is reported and does not stop the service. */
  #reportErrorOf(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#report(messageOf(error));
    }
  }

  async #takeOver(
    configuration: Configuration,
    interrupted: AbortSignal,
  ): Promise<HaproxyProcess> {
    const before = Array.from(this.#processes.keys())
      .filter((each) => !each.isDraining && each.isRunning);
    const next = await takeOver({
      program: this.#program,
      configuration,
      before,
      timeout: this.#limits.readyTimeout,
      report: this.#report,
      started: (process) => {
        this.#starting = process;
        this.#report(`started HAProxy ${process.pid}`);
        this.#processes.set(process, this.#watch(process));
      },
      signal: interrupted,
    });
    for (const each of before) this.#draining.add(each);
    return next;
  }

  #use(configuration: Configuration): void {
    if (configuration === this.#configurations.current) return;
    this.#configurations.use(configuration);
    this.#failure = undefined;
    this.#backoff.reset();
  }

  #serve(process: HaproxyProcess): void {
    this.#serving = process;
    if (this.#configurations.isOnTrial) {
      const then = () => this.#passTrial();
      this.#state.enter("on trial", { after: TRIAL, then });
    } else this.#state.enter("serving");
    this.#reportErrorOf(() => this.#pidFile?.write(process.pid));
    this.#report(`HAProxy ${process.pid} is ready${this.#stillDraining}`);
  }

  #passTrial(): void {
    this.#configurations.keep();
    for (const each of this.#processes.keys()) each.repeatDrain();
    this.#state.enter("serving");
  }

  async #watch(process: HaproxyProcess): Promise<void> {
    const ending = await process.ended;
    const event = `HAProxy ${process.pid} ended with ${formatEnding(ending)}`;
    if (process === this.#serving) {
      this.#report(event);
      this.#serving = undefined;
      this.#lastEnding = ending;
      this.#afterEnd(process);
    } else this.#report(`${event}${this.#stillDraining}`);
    if (!this.isStopping && this.#starting === undefined) {
      this.#manager?.status(this.#status);
    }
    await process.gone;
    this.#processes.delete(process);
  }

  /** After the end of the HAProxy that served. */
  #afterEnd(process: HaproxyProcess): void {
    if (this.isStopping) return;
    if (this.#starting === undefined) this.#backOff(process.age);
    else this.#state.enter("starting");
  }

  #backOffIfStarting(): void {
    if (this.#state.is("starting")) this.#backOff(0);
  }

  /** Plans a restart, after a HAProxy that ran for `lifetime` ms. */
  #backOff(lifetime: number): void {
    if (this.isStopping) return;
    if (this.#configurations.isOnTrial) this.#fallBack();
    const pause = this.#backoff.pauseAfter(lifetime);
    this.#report(`restarting HAProxy ${formatPause(pause)}`);
    const then = () => this.#restart();
    this.#state.enter("backing off", { after: pause, then });
  }

  #fallBack(): void {
    this.#configurations.fallBack();
    for (const each of this.#processes.keys()) each.continue();
    this.#backoff.reset();
    this.#failure = `the new HAProxy ended within ${formatDuration(TRIAL)}`;
    this.#report(
      `reload failed: ${this.#failure}; going back to the previous configuration`,
    );
  }

  #restart(): void {
    const restart = this.#queue.addUrgent("restart", async (interrupted) => {
      const { current } = this.#configurations;
      if (current === undefined || this.#serving !== undefined) return;
      try {
        await this.#startWith(current, interrupted);
      } catch (error) {
        if (this.isStopping) throw stoppedError();
        this.#report(messageOf(error));
        this.#backOffIfStarting();
      }
      this.#manager?.status(this.#status);
    });
    // Rejected only by a stop.
    restart.catch(() => {});
  }

  get #stillDraining(): string {
    const { draining } = this;
    return draining.length === 0
      ? ""
      : `; still draining: ${draining.join(", ")}`;
  }

  get #status(): string {
    const serving = this.#serving === undefined
      ? "Starting HAProxy"
      : `HAProxy ${this.#serving.pid} serves`;
    const failure = this.#failure === undefined
      ? ""
      : `; the last reload failed: ${this.#failure}`;
    return `${serving}${this.#stillDraining}${failure}`;
  }
}

function stoppedError(): StoppedError {
  return new StoppedError("HAProxy");
}
