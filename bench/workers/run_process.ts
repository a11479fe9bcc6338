import { connect } from "../../client.ts";
import { treePath } from "../support/tree_path.ts";

/** How to start `run`. */
export interface RunOptions {
  /** The control socket of the daemon. */
  sock: string;
  workers: number;
  /** An IPv4 address that no other bind has. The port is any free one. */
  host: string;
  /** COMMAND. */
  command: readonly string[];
  /** See --ready. */
  ready: string;
}

/** The service of http_service.ts on a socket that `run` passes. */
export function httpService(
  ...args: string[]
): Pick<RunOptions, "command" | "ready"> {
  const service = treePath("bench/support/http_service.ts");
  return {
    command: [Deno.execPath(), "run", "-A", service, "inherited", ...args],
    ready: "notify",
  };
}

/** In ms. */
const LOG_TIMEOUT = 60_000;

/** `run` with workers that are ready. Disposing of it ends them. */
export class RunProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #options: RunOptions;
  #log = "";
  #hasEnded = false;
  #onChange = () => {};

  private constructor(child: Deno.ChildProcess, options: RunOptions) {
    this.#child = child;
    this.#options = options;
    this.#readLog();
  }

  /** Starts it and waits until all workers are ready. */
  static async start(options: RunOptions): Promise<RunProcess> {
    const { sock, workers, host, command, ready } = options;
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-prompt", "-P=daemon", treePath("client.ts")],
        ...["run", "--sock", sock, "--workers", String(workers)],
        ...["--ready", ready, `${host}:0`, "--", ...command],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const run = new RunProcess(child, options);
    const lines = Array.from(
      { length: workers },
      (_, index) =>
        workers === 1
          ? /generation 1: ready/
          : new RegExp(`worker ${index}: generation 1: ready`),
    );
    try {
      await run.untilLogged(0, lines);
      return run;
    } catch (error) {
      await run[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The process of the supervisor. */
  get pid(): number {
    return this.#child.pid;
  }

  /** The processes of all workers that were started. */
  get workers(): number[] {
    const started = this.#log.matchAll(/: started \S+ as process (\d+)/g);
    return [...started].map(([, pid]) => Number(pid));
  }

  /** The port of its sockets. */
  async port(): Promise<number> {
    const { sock, host } = this.#options;
    using session = await connect({ sock });
    const binds = await session.list();
    const bound = binds.map((bind) => bind.bound ?? bind.address)
      .find((address) => address.startsWith(`${host}:`));
    if (bound === undefined) throw new Error(`no socket of ${host} is held`);
    return Number(bound.split(":").at(-1));
  }

  /** Sends a signal to the supervisor. */
  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** How many characters the log has. */
  get logLength(): number {
    return this.#log.length;
  }

  /**
   * Waits until the log has all these lines after the first `from` characters.
   *
   * @throws {Error} with the log, if `run` ends, or after a minute.
   */
  async untilLogged(from: number, lines: readonly RegExp[]): Promise<void> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#onChange();
    }, LOG_TIMEOUT);
    try {
      for (;;) {
        const text = this.#log.slice(from);
        const missing = lines.find((line) => !line.test(text));
        if (missing === undefined) return;
        if (this.#hasEnded || isLate) {
          const why = isLate ? "timeout" : "run has ended";
          throw new Error(`${why} before ${missing}:\n${this.#log}`);
        }
        await new Promise<void>((resolve) => this.#onChange = resolve);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async #readLog(): Promise<void> {
    const output = this.#child.stderr.pipeThrough(new TextDecoderStream());
    for await (const part of output) {
      this.#log += part;
      this.#onChange();
    }
    this.#hasEnded = true;
    this.#onChange();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasEnded) this.#child.kill("SIGTERM");
    await this.#child.status;
  }
}
