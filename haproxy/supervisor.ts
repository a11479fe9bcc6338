import { resolve } from "@std/path/posix";
import { formatDuration } from "../duration.ts";
import type { ConnectOptions } from "../client/options.ts";
import { formatEnding, type Report } from "../client/run/report.ts";
import { RestartPause } from "../client/run/restart_pause.ts";
import type { Ending } from "../ffi/child_process.ts";
import type { ServiceManager } from "../ffi/service_manager.ts";
import { RejectedError, validate } from "./check.ts";
import type { Configuration } from "./configuration.ts";
import { PidFile } from "./pid_file.ts";
import { prepare } from "./prepare.ts";
import { HaproxyProcess, type Program } from "./process.ts";
import { Sentinel } from "./readiness.ts";
import { SaidOnce } from "./said_once.ts";

/** How HAProxy is replaced and ended. */
export interface Manner {
  /**
   * How long a new one may take to check its configuration, and then until it
   * is ready, in ms.
   */
  readyTimeout: number;
  /** How long connections may take to finish when all of it ends, in ms. */
  grace: number;
}

/**
 * How long a new configuration is on trial after HAProxy was ready with it, in
 * ms. What `haproxy -c` cannot see, such as a `user` that it may not become,
 * ends it some milliseconds after it has told the old one to finish.
 */
const TRIAL = 1_000;

/** How long after SIGTERM who is still there is killed, in ms. */
const KILL_AFTER = 5_000;

/** A HAProxy that ended, or was ended, before it was ready. */
export class NotReadyError extends Error {
  /** `NotReadyError`. */
  override readonly name = "NotReadyError";

  /** `ending` is how it ended. */
  constructor(message: string, readonly ending: Ending) {
    super(message);
  }
}

/** Nothing is started any more. */
export class StoppedError extends Error {
  /** `StoppedError`. */
  override readonly name = "StoppedError";

  constructor() {
    super("HAProxy is being stopped");
  }
}

/** Keeps a HAProxy running, and replaces it without a gap. */
export class Supervisor {
  readonly #program: Program;
  readonly #connect: ConnectOptions;
  readonly #manner: Manner;
  readonly #report: Report;
  readonly #manager: ServiceManager | undefined;
  readonly #once: SaidOnce;
  readonly #pidFile: PidFile | undefined;
  readonly #pause = new RestartPause();
  readonly #stopped = new AbortController();
  readonly #finished = Promise.withResolvers<Ending>();
  /** All that run, or have left processes behind. */
  readonly #all = new Set<HaproxyProcess>();
  /** The one that was ready last, unless it has ended. */
  #serving: HaproxyProcess | undefined;
  /** What it was started with; also what it is started with again. */
  #current: Configuration | undefined;
  /** The one before, as long as that is on trial. */
  #previous: Configuration | undefined;
  #trial: ReturnType<typeof setTimeout> | undefined;
  /** One start after the other. */
  #lastStart: Promise<void> = Promise.resolve();
  #starting = false;
  /** The first start, or a reload. */
  #replacing: Promise<void> | undefined;
  #following: Promise<void> | undefined;
  #restart: ReturnType<typeof setTimeout> | undefined;
  #end: ReturnType<typeof setTimeout> | undefined;
  /** How the one that served last ended, and how long it had run, in ms. */
  #ended: Ending = { code: 0 };
  #lifetime = 0;
  /** Why the last reload failed, if it did. */
  #failure: string | undefined;

  constructor(
    program: Program,
    connect: ConnectOptions,
    manner: Manner,
    report: Report,
    manager: ServiceManager | undefined,
  ) {
    this.#program = program;
    this.#connect = connect;
    this.#manner = manner;
    this.#report = report;
    this.#manager = manager;
    this.#once = new SaidOnce(report);
    const { pidFile, directory } = program.arguments;
    this.#pidFile = pidFile === undefined
      ? undefined
      : new PidFile(resolve(directory ?? ".", pidFile));
  }

  /** The HAProxy that serves; `undefined` while there is none. */
  get serving(): number | undefined {
    return this.#serving?.pid;
  }

  /** Those that only finish their connections. */
  get draining(): number[] {
    return Array.from(this.#all)
      .filter((each) => each !== this.#serving && each.finishing && !each.over)
      .map(({ pid }) => pid);
  }

  /**
   * How the HAProxy that served last ended, when all have, after a
   * {@linkcode Supervisor.stop}.
   */
  get finished(): Promise<Ending> {
    return this.#finished.promise;
  }

  /** Whether it was told to stop. */
  get stopping(): boolean {
    return this.#stopped.signal.aborted;
  }

  /**
   * Starts the first HAProxy and waits until it is ready. When that fails
   * nothing more is started, and {@linkcode Supervisor.stop} waits for the rest.
   *
   * @throws {TemplateError}
   * @throws {RejectedError}
   * @throws {NotReadyError}
   */
  async start(): Promise<void> {
    this.#sayWhatWasTakenOut();
    this.#replacing = this.#replace();
    try {
      await this.#replacing;
      this.#manager?.ready(this.#status);
    } catch (error) {
      this.#stopped.abort(new StoppedError());
      throw error;
    } finally {
      this.#replacing = undefined;
    }
  }

  #sayWhatWasTakenOut(): void {
    const { background, predecessors } = this.#program.arguments;
    if (background.length > 0) {
      this.#report(
        `HAProxy stays in the foreground, without ${background.join(", ")}`,
      );
    }
    for (const option of predecessors) {
      this.#report(
        `${option} is left out: who takes over from whom is seen to here`,
      );
    }
  }

  /**
   * Replaces HAProxy by one with the templates as they are now; throws why
   * that failed, and then the one that serves is as it was. However often it
   * is asked for while one is under way, one more follows.
   */
  reload(): Promise<void> {
    if (this.stopping) return Promise.reject(new StoppedError());
    if (this.#replacing === undefined) {
      this.#replacing = this.#reload().finally(() => {
        this.#replacing = undefined;
      });
      return this.#replacing;
    }
    return this.#following ??= this.#afterwards(this.#replacing);
  }

  async #afterwards(before: Promise<void>): Promise<void> {
    await Promise.allSettled([before]);
    // Whoever replaces has said that it is done.
    await Promise.resolve();
    this.#following = undefined;
    await this.reload();
  }

  async #reload(): Promise<void> {
    this.#manager?.reloading();
    try {
      await this.#replace();
    } catch (error) {
      if (this.stopping) throw new StoppedError();
      const reason = error instanceof Error ? error.message : String(error);
      [this.#failure] = error instanceof RejectedError
        ? [error.brief]
        : reason.split("\n", 1);
      this.#report(`the reload failed: ${reason}`);
      if (this.#serving !== undefined) {
        this.#report(`HAProxy ${this.#serving.pid} goes on as it was`);
      }
      throw error;
    } finally {
      if (!this.stopping) this.#manager?.ready(this.#status);
    }
  }

  async #replace(): Promise<void> {
    const { signal } = this.#stopped;
    const next = await prepare({
      ...this.#connect,
      signal,
      arguments: this.#program.arguments,
      env: this.#program.env,
      held: this.#current?.sockets,
      supervised: true,
      sayOnce: (line) => this.#once.say(line),
    });
    try {
      await validate(this.#program, next, this.#manner.readyTimeout, signal);
      await this.#inTurn(() => this.#startWith(next));
    } finally {
      if (this.#current !== next) next[Symbol.dispose]();
    }
  }

  #inTurn(start: () => Promise<void>): Promise<void> {
    const turn = this.#lastStart.then(start);
    this.#lastStart = turn.catch(() => {});
    return turn;
  }

  /** Starts one with a configuration and waits until it serves. */
  async #startWith(configuration: Configuration): Promise<void> {
    clearTimeout(this.#restart);
    this.#restart = undefined;
    if (this.stopping) throw new StoppedError();
    this.#starting = true;
    try {
      if (configuration === this.#current) configuration.restore();
      else configuration.install();
      await this.#takeOver(configuration);
    } catch (error) {
      this.#tryTo(() => this.#current?.restore());
      this.#lifetime = 0;
      throw error;
    } finally {
      this.#starting = false;
      if (this.#serving === undefined) this.#startAgain();
    }
  }

  /** What is worth saying when it fails, and no reason to stop serving. */
  #tryTo(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#report(error instanceof Error ? error.message : String(error));
    }
  }

  async #takeOver(configuration: Configuration): Promise<void> {
    const sentinel = await Sentinel.start();
    try {
      if (this.stopping) throw new StoppedError();
      const before = Array.from(this.#all)
        .filter((each) => !each.finishing && !each.over);
      const next = new HaproxyProcess(
        this.#program,
        configuration,
        [...before.map(({ pid }) => pid), sentinel.pid],
        this.#report,
      );
      this.#all.add(next);
      this.#report(`started HAProxy ${next.pid}`);
      this.#watch(next);
      await this.#untilReady(next, sentinel, before);
      if (this.#current !== configuration) this.#try(configuration);
      this.#lifetime = next.age;
      if (next.over) {
        this.#serving = undefined;
        return;
      }
      this.#serving = next;
      this.#tryTo(() => this.#pidFile?.write(next.pid));
      this.#report(`HAProxy ${next.pid} is ready${this.#stillDraining}`);
    } finally {
      await sentinel.dismiss();
    }
  }

  /** Goes over to a configuration; the last that has lasted is kept. */
  #try(configuration: Configuration): void {
    clearTimeout(this.#trial);
    if (this.#previous === undefined) this.#previous = this.#current;
    else this.#current?.[Symbol.dispose]();
    this.#current = configuration;
    this.#failure = undefined;
    this.#pause.reset();
    this.#trial = setTimeout(() => this.#forgetPrevious(), TRIAL);
  }

  #forgetPrevious(): void {
    clearTimeout(this.#trial);
    this.#previous?.[Symbol.dispose]();
    this.#previous = undefined;
  }

  /** Goes back to the configuration before, if there is a trial. */
  #fallBack(): void {
    if (this.#previous === undefined) return;
    clearTimeout(this.#trial);
    this.#current?.[Symbol.dispose]();
    this.#current = this.#previous;
    this.#previous = undefined;
    this.#pause.reset();
    for (const each of this.#all) each.continue();
    this.#failure = `the new HAProxy ended within ${formatDuration(TRIAL)}`;
    this.#report(
      `the reload failed: ${this.#failure}; back to the configuration before`,
    );
  }

  /** Throws unless HAProxy has told those before it to finish. */
  async #untilReady(
    next: HaproxyProcess,
    sentinel: Sentinel,
    before: readonly HaproxyProcess[],
  ): Promise<void> {
    const { readyTimeout } = this.#manner;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      next.kill();
    }, readyTimeout);
    await Promise.race([sentinel.relief, next.ended]);
    clearTimeout(timer);
    const relief = await sentinel.dismiss();
    if (relief === "dismissed") {
      for (const each of before) each.resume();
      const ending = await next.ended;
      throw new NotReadyError(
        isLate
          ? `HAProxy ${next.pid} was not ready within ${
            formatDuration(readyTimeout)
          } and was killed`
          : `HAProxy ${next.pid} ended with ${
            formatEnding(ending)
          } before it was ready`,
        ending,
      );
    }
    for (const each of before) {
      if (relief === "told") each.finishing = true;
      else each.finish();
    }
  }

  async #watch(process: HaproxyProcess): Promise<void> {
    const ending = await process.ended;
    const how = `HAProxy ${process.pid} ended with ${formatEnding(ending)}`;
    if (process === this.#serving) {
      this.#serving = undefined;
      this.#ended = ending;
      this.#lifetime = process.age;
      this.#report(how);
      if (!this.#starting) this.#startAgain();
    } else {
      this.#report(`${how}${this.#stillDraining}`);
    }
    if (!this.stopping && !this.#starting) this.#manager?.status(this.#status);
    await process.gone;
    this.#all.delete(process);
  }

  /** The one that was to serve does not, or does not any more. */
  #startAgain(): void {
    if (this.stopping) return;
    this.#fallBack();
    const configuration = this.#current;
    if (configuration === undefined) return;
    const pause = this.#pause.after(this.#lifetime);
    const when = pause === 0 ? "at once" : `in ${formatDuration(pause)}`;
    this.#report(`starting it again ${when}`);
    clearTimeout(this.#restart);
    this.#restart = setTimeout(() => this.#again(configuration), pause);
  }

  async #again(configuration: Configuration): Promise<void> {
    try {
      await this.#inTurn(async () => {
        // A reload may have been faster.
        if (configuration !== this.#current || this.#serving) return;
        await this.#startWith(configuration);
      });
      this.#manager?.status(this.#status);
    } catch (error) {
      if (error instanceof StoppedError) return;
      this.#report(error instanceof Error ? error.message : String(error));
    }
  }

  get #stillDraining(): string {
    const { draining } = this;
    return draining.length === 0
      ? ""
      : `; still draining: ${draining.join(", ")}`;
  }

  get #status(): string {
    const serving = this.#serving === undefined
      ? "HAProxy is being started"
      : `HAProxy ${this.#serving.pid} serves`;
    const failure = this.#failure === undefined
      ? ""
      : `; the last reload failed: ${this.#failure}`;
    return `${serving}${this.#stillDraining}${failure}`;
  }

  /**
   * Ends all of them: they finish their connections, at most for the grace.
   * Asked for again, they end at once.
   */
  stop(): Promise<Ending> {
    if (this.#end !== undefined) this.#terminate();
    else {
      this.#manager?.stopping();
      this.#stopped.abort(new StoppedError());
      clearTimeout(this.#restart);
      for (const each of this.#all) each.finish();
      this.#end = setTimeout(() => this.#terminate(), this.#manner.grace);
      this.#finish();
    }
    return this.finished;
  }

  #terminate(): void {
    clearTimeout(this.#end);
    // A timer for nobody would keep this program from its end.
    if (this.#all.size === 0) return;
    for (const each of this.#all) each.terminate();
    this.#end = setTimeout(() => {
      for (const each of this.#all) each.kill();
    }, KILL_AFTER);
  }

  async #finish(): Promise<void> {
    await Promise.allSettled([this.#replacing, this.#following]);
    await this.#lastStart;
    await Promise.all(Array.from(this.#all, ({ gone }) => gone));
    clearTimeout(this.#end);
    this.#tryTo(() => this.#pidFile?.[Symbol.dispose]());
    this.#forgetPrevious();
    this.#current?.[Symbol.dispose]();
    this.#finished.resolve(this.#ended);
  }
}
