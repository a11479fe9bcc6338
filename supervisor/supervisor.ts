import type { Ending } from "../ffi/processes/child_process.ts";
import { signalNumber } from "../ffi/processes/signal_numbers.ts";
import type { ServiceManager } from "../ffi/systemd/service_manager.ts";
import { MAX_SHARDS } from "../protocol.ts";
import { CommandQueue } from "./command_queue.ts";
import { messageOf, StoppedError } from "./errors.ts";
import type { Report } from "./report.ts";
import { Leaving } from "./workers/leaving.ts";
import { NewestStatus } from "./workers/newest_status.ts";
import type { WorkerSockets } from "./workers/worker_sockets.ts";
import { Worker, type WorkerOptions } from "./workers/worker.ts";

/** How many workers a service may have. */
export const MAX_WORKERS = MAX_SHARDS;

/** How long to wait for the end of processes that were killed, in ms. */
const KILL_PATIENCE = 1_000;

/** The least time between two STATUS= of a worker that are passed on, in ms. */
const STATUS_INTERVAL = 250;

/**
 * Keeps the workers of a service running, replaces them without a gap, and adds
 * and removes workers without losing a connection.
 */
export class Supervisor {
  readonly #sockets: WorkerSockets;
  readonly #options: WorkerOptions;
  readonly #report: Report;
  readonly #manager: ServiceManager | undefined;
  /** What the only worker says about itself. */
  readonly #status = new NewestStatus(STATUS_INTERVAL, (text) => {
    if (this.#isSingle) this.#manager?.status(text);
  });
  /** The start, reloads and changes of the number of workers. */
  readonly #commands = new CommandQueue();
  /** The workers that get new connections. */
  readonly #workers: Worker[];
  /** The workers that get no new connections any more. */
  readonly #leaving = new Set<Leaving>();
  /** Workers, also those that join or leave, until they are gone. */
  readonly #all = new Set<Worker>();
  readonly #finished = Promise.withResolvers<Ending>();
  #wanted: number;
  /** Whether all workers have been ready at the same time. */
  #hasBeenReady = false;
  #isReloading = false;
  #isStopping = false;
  /** The ending of the worker that ends the service. */
  #ending: Ending | undefined;

  /** `count` is the number of workers, of which `sockets` has the sockets. */
  constructor(
    sockets: WorkerSockets,
    count: number,
    options: WorkerOptions,
    report: Report,
    manager: ServiceManager | undefined,
  ) {
    this.#sockets = sockets;
    this.#options = options;
    this.#report = report;
    this.#manager = manager;
    this.#wanted = count;
    this.#workers = Array.from({ length: count }, (_, at) => this.#make(at));
  }

  #make(index: number): Worker {
    const worker = new Worker(
      this.#sockets.service(index),
      this.#options,
      (line) => this.#reportOf(index, line),
      {
        changed: () => this.#announce(),
        status: (text) => this.#status.set(text),
        gaveUp: (ending) => {
          this.#ending ??= ending;
          this.stop();
        },
      },
    );
    this.#all.add(worker);
    worker.gone.then(() => this.#all.delete(worker));
    return worker;
  }

  #reportOf(index: number, line: string): void {
    const isOnly = index === 0 && this.#isSingle;
    this.#report(isOnly ? line : `worker ${index}: ${line}`);
  }

  get #isSingle(): boolean {
    return this.#workers.length === 1;
  }

  /**
   * Starts the workers and supervises them: how they ended, after a
   * {@linkcode Supervisor.stop}. That is the first ending that is not exit code 0.
   *
   * @throws {StartError} when they cannot be started the first time.
   */
  async run(): Promise<Ending> {
    using _status = this.#status;
    await this.#commands.add("start", (signal) => this.#start(signal));
    return await this.#finished.promise;
  }

  async #start(signal: AbortSignal): Promise<void> {
    const starts = await Promise.allSettled(
      this.#workers.map((worker) => worker.start()),
    );
    for (const start of starts) {
      if (start.status === "fulfilled") continue;
      const { reason } = start;
      for (const worker of this.#workers) worker.stop();
      await this.#untilGone();
      throw reason;
    }
    for (const index of this.#sockets.leftOver) {
      try {
        await this.#sockets.prepare(index, this.#workers.length, signal);
        signal.throwIfAborted();
        this.#retire(new Leaving(index, this.#make(index), false));
      } catch (error) {
        if (this.#isStopping) return;
        this.#reportOf(index, `not removed: ${messageOf(error)}`);
      }
    }
  }

  /** Sends a signal to the generations that serve, and to others once they do. */
  signal(signal: Deno.Signal): void {
    for (const worker of this.#workers) worker.signal(signal);
  }

  /**
   * Replaces the processes of all workers, one after the other. If one is not
   * ready, the others are left as they are. All requests that arrive while a
   * reload is under way become one more.
   *
   * @throws {StartError}
   * @throws {NotReadyError}
   * @throws {StoppedError}
   */
  reload(): Promise<void> {
    return this.#commands.add("reload", async () => {
      this.#status.drop();
      this.#manager?.reloading();
      this.#isReloading = true;
      let note = "; the last reload failed";
      try {
        await this.#reloadEach();
        note = "";
      } finally {
        this.#isReloading = false;
        this.#announce(note);
      }
    });
  }

  async #reloadEach(): Promise<void> {
    for (const [index, worker] of this.#workers.entries()) {
      try {
        await worker.reload();
      } catch (error) {
        if (!this.#isStopping && !this.#isSingle) {
          this.#report(
            index === 0
              ? "reload failed: no other worker is replaced"
              : `reload failed at worker ${index}: it and those after it are not replaced`,
          );
        }
        throw error;
      }
    }
  }

  /**
   * Adds a worker, or removes the last one, after the commands under way. One at
   * least stays.
   */
  resize(change: 1 | -1): void {
    if (this.#options.onDemand !== undefined) {
      return this.#report("--on-demand runs one worker: none added or removed");
    }
    const wanted = this.#wanted + change;
    if (wanted < 1) return this.#report("no worker removed: one has to stay");
    if (wanted > MAX_WORKERS) {
      return this.#report(`no worker added: the limit is ${MAX_WORKERS}`);
    }
    this.#wanted = wanted;
    const resized = this.#commands.add(
      "resize",
      (signal) => this.#resize(signal),
    );
    // Failures are reported, and a stop is no failure.
    resized.catch(() => {});
  }

  async #resize(signal: AbortSignal): Promise<void> {
    while (this.#workers.length !== this.#wanted && !this.#isStopping) {
      const isMore = this.#wanted > this.#workers.length;
      try {
        await (isMore ? this.#grow(signal) : this.#shrink(signal));
      } catch (error) {
        this.#wanted = this.#workers.length;
        if (this.#isStopping) return;
        const what = isMore ? "no worker added" : "no worker removed";
        return this.#report(`${what}: ${messageOf(error)}`);
      }
      const { length } = this.#workers;
      this.#report(length === 1 ? "1 worker" : `${length} workers`);
      this.#announce();
    }
  }

  async #grow(signal: AbortSignal): Promise<void> {
    const index = this.#workers.length;
    const leaving = [...this.#leaving].find((each) =>
      each.index === index && each.isWaiting
    );
    if (leaving !== undefined) this.#leaving.delete(leaving);
    const worker = leaving?.takeBack() ??
      await this.#startOneMore(index, signal);
    try {
      await this.#sockets.activate(index + 1, signal);
    } catch (error) {
      this.#retire(new Leaving(index, worker, true));
      throw error;
    }
    this.#workers.push(worker);
  }

  async #startOneMore(index: number, signal: AbortSignal): Promise<Worker> {
    await this.#sockets.prepare(index, index, signal);
    signal.throwIfAborted();
    const worker = this.#make(index);
    try {
      await worker.startOnce();
      return worker;
    } catch (error) {
      worker.stop();
      await worker.gone;
      await this.#release(index, signal);
      throw error;
    }
  }

  async #shrink(signal: AbortSignal): Promise<void> {
    const index = this.#workers.length - 1;
    await this.#sockets.activate(index, signal);
    const worker = this.#workers.pop()!;
    this.#reportOf(index, "gets no new connections and is removed");
    this.#retire(new Leaving(index, worker, true));
  }

  /** Ends a worker that gets no new connections, and releases its sockets. */
  async #retire(leaving: Leaving): Promise<void> {
    const { index } = leaving;
    this.#leaving.add(leaving);
    const isGone = await leaving.untilGone(
      () => this.#sockets.waiting(index),
      this.#options.drainTimeout,
      (line) => this.#reportOf(index, line),
    );
    this.#leaving.delete(leaving);
    if (!isGone) return;
    const released = this.#commands.add(
      `release ${index}`,
      (signal) => this.#release(index, signal),
    );
    // The queue is closed by a stop.
    released.catch(() => {});
  }

  /** Releases the sockets of a worker unless another one has them by now. */
  async #release(index: number, signal: AbortSignal): Promise<void> {
    const isUsed = index < this.#workers.length ||
      [...this.#leaving].some((each) => each.index === index);
    if (isUsed) return;
    try {
      await this.#sockets.release(index, signal);
      this.#reportOf(index, "removed");
    } catch (error) {
      if (this.#isStopping) return;
      this.#reportOf(index, `its socket is not released: ${messageOf(error)}`);
    }
  }

  /** Ends all workers, with `signal` instead of the usual one if given. */
  stop(signal?: Deno.Signal): void {
    if (!this.#isStopping) {
      this.#status.drop();
      this.#manager?.stopping();
      this.#isStopping = true;
      for (const leaving of this.#leaving) leaving.cancel();
      this.#commands.close(new StoppedError("the service"), async () => {
        const ending = await this.#untilGone();
        this.#finished.resolve(this.#ending ?? ending);
      });
    }
    for (const worker of this.#all) worker.stop(signal);
  }

  /** Kills all workers and their process groups, and ends. */
  kill(): void {
    for (const worker of this.#all) worker.kill();
    const signal = signalNumber("SIGKILL");
    setTimeout(() => this.#finished.resolve({ signal }), KILL_PATIENCE);
  }

  async #untilGone(): Promise<Ending> {
    const endings = this.#workers.map((worker) => worker.gone);
    await Promise.all([...this.#all].map((worker) => worker.gone));
    const known = await Promise.all(endings);
    return known.find((each) => !("code" in each && each.code === 0)) ??
      { code: 0 };
  }

  /** Tells the service manager how many workers serve. */
  #announce(note = ""): void {
    if (this.#isReloading || this.#isStopping) return;
    this.#status.drop();
    const count = this.#workers
      .filter((worker) => worker.isServing || worker.isWaiting).length;
    const status = this.#isSingle
      ? this.#workers[0]!.status
      : `${count} of ${this.#workers.length} workers serve`;
    this.#hasBeenReady ||= count === this.#workers.length;
    // READY=1 also ends a reload.
    if (this.#hasBeenReady && count > 0) this.#manager?.ready(status + note);
    else this.#manager?.status(status);
  }
}
