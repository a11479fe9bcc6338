import type { Ending } from "../../ffi/child_process.ts";
import { formatDuration } from "../../duration.ts";
import { StartError } from "../command/start_error.ts";
import { Generation, type Manner } from "./generation.ts";
import { formatEnding, type Report } from "./report.ts";
import { RestartPause } from "./restart_pause.ts";
import type { ServiceManager } from "../../ffi/service_manager.ts";
import type { Service } from "./start.ts";

/** Keeps a program running, and replaces it without a gap. */
export class Supervisor {
  readonly #service: Service;
  readonly #manner: Manner;
  readonly #report: Report;
  readonly #manager: ServiceManager | undefined;
  readonly #pause = new RestartPause();
  readonly #finished = Promise.withResolvers<Ending | StartError>();
  /** All that run, or have left processes behind. */
  readonly #all = new Set<Generation>();
  /** The one that is ready. */
  #serving: Generation | undefined;
  /** The one that is not ready yet. */
  #starting: Generation | undefined;
  #count = 0;
  #restart: ReturnType<typeof setTimeout> | undefined;
  /** A reload was asked for while another was under way. */
  #again = false;
  #stopping = false;
  #last: Ending = { code: 0 };

  constructor(
    service: Service,
    manner: Manner,
    report: Report,
    manager: ServiceManager | undefined,
  ) {
    this.#service = service;
    this.#manner = manner;
    this.#report = report;
    this.#manager = manager;
  }

  /**
   * Starts the program, the first time: how the last one ended, after a
   * {@linkcode Supervisor.stop}, or why the first could not be started at all.
   */
  run(): Promise<Ending | StartError> {
    this.#launch();
    return this.#finished.promise;
  }

  /** Whether a process is one that is waited for here. */
  awaits(pid: number): boolean {
    return Array.from(this.#all).some((each) => each.pid === pid);
  }

  /** Sends a signal to those that are not about to end. */
  signal(signal: Deno.Signal): void {
    this.#serving?.signal(signal);
    this.#starting?.signal(signal);
  }

  /**
   * Starts a new one, which takes the place of the one that serves when it is
   * ready. However often it is asked for while one is under way, one more
   * follows.
   */
  reload(): void {
    if (this.#stopping) return;
    if (this.#starting !== undefined) {
      this.#again = true;
      return;
    }
    this.#manager?.reloading();
    this.#pause.reset();
    this.#launch();
  }

  /** Ends all of them, with another signal than usual if one is given. */
  stop(signal?: Deno.Signal): void {
    if (!this.#stopping) this.#manager?.stopping();
    this.#stopping = true;
    clearTimeout(this.#restart);
    for (const each of this.#all) each.stop(signal);
    this.#finishIfGone();
  }

  #launch(): void {
    clearTimeout(this.#restart);
    const number = this.#count + 1;
    try {
      const generation = Generation.start(
        number,
        this.#service,
        this.#manner,
        {
          ready: () => this.#ready(generation),
          late: () => this.#late(generation),
          status: (text) => {
            if (generation === this.#serving) this.#manager?.status(text);
          },
          refused: (reason) => {
            this.#report(`generation ${number}: ${reason}`);
          },
        },
      );
      this.#count = number;
      this.#starting = generation;
      this.#all.add(generation);
      this.#report(
        `generation ${number}: started ${
          this.#service.command[0]
        } as process ${generation.pid}`,
      );
      this.#watch(generation);
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      if (number === 1) {
        this.#finished.resolve(error);
        return;
      }
      this.#report(error.message);
      this.#failed(0);
    }
  }

  async #watch(generation: Generation): Promise<void> {
    this.#ended(generation, await generation.ended);
    await generation.gone;
    this.#all.delete(generation);
    if (this.#stopping) this.#finishIfGone();
  }

  #ready(generation: Generation): void {
    if (this.#stopping) return;
    const before = this.#serving;
    this.#starting = undefined;
    this.#serving = generation;
    this.#report(`generation ${generation.number}: ready`);
    this.#manager?.ready(this.#status);
    before?.stop();
    this.#continue();
  }

  #late(generation: Generation): void {
    const { readyTimeout } = this.#manner;
    this.#report(
      `generation ${generation.number}: not ready within ${
        formatDuration(readyTimeout)
      }, killed`,
    );
    generation.kill();
  }

  #ended(generation: Generation, ending: Ending): void {
    const { number, pid, age } = generation;
    this.#report(
      `generation ${number}: process ${pid} ended with ${formatEnding(ending)}`,
    );
    const isCurrent = generation === this.#serving ||
      (generation === this.#starting && this.#serving === undefined);
    if (isCurrent || !this.#stopping) this.#last = ending;
    if (generation === this.#serving) {
      this.#serving = undefined;
      if (!this.#stopping && this.#starting === undefined) this.#failed(age);
    } else if (generation === this.#starting) {
      this.#starting = undefined;
      if (!this.#stopping) this.#failed(age);
    }
  }

  /** The one that was to serve does not, or does not any more. */
  #failed(lifetime: number): void {
    if (this.#serving !== undefined) {
      this.#report(
        `the reload failed, generation ${this.#serving.number} goes on`,
      );
      this.#manager?.ready(`${this.#status}; the last reload failed`);
      this.#continue();
      return;
    }
    if (this.#again) {
      this.#continue();
      return;
    }
    const pause = this.#pause.after(lifetime);
    const when = pause === 0 ? "at once" : `in ${formatDuration(pause)}`;
    this.#report(`starting it again ${when}`);
    this.#manager?.status(`Crashed; starting it again ${when}`);
    this.#restart = setTimeout(() => this.#launch(), pause);
  }

  /** Does what was asked for meanwhile. */
  #continue(): void {
    if (!this.#again) return;
    this.#again = false;
    this.reload();
  }

  get #status(): string {
    return this.#serving === undefined
      ? "Starting"
      : `Generation ${this.#serving.number} serves as process ${this.#serving.pid}`;
  }

  #finishIfGone(): void {
    if (this.#all.size === 0) this.#finished.resolve(this.#last);
  }
}
