/**
 * Starts programs for a test, waits for lines of their output, and ends them
 * with the test.
 *
 * @module
 */

import { eventually, PATIENCE } from "./eventually.ts";

/** Rejects when `promise` has not settled within the tests' patience. */
export async function within<T>(
  promise: Promise<T>,
  what: string | (() => string),
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const waited = typeof what === "string" ? what : what();
      reject(new Error(`not within ${PATIENCE} ms: ${waited}`));
    }, PATIENCE);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Variables that every program is started with. */
export const ENVIRONMENT = {
  NO_COLOR: "1",
  // Half a second after its start Deno would look for a newer version, and a
  // test would count the sockets that it does so with.
  DENO_NO_UPDATE_CHECK: "1",
} as const;

/** The output of a program on one of its streams. */
export class Lines {
  readonly #seen: string[] = [];
  #taken = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  /** Reads the stream to its end, so that the program never waits for us. */
  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#read(stream);
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      this.#seen.push(...lines);
      this.#wake?.();
    }
    if (rest !== "") this.#seen.push(rest);
    this.#ended = true;
    this.#wake?.();
  }

  /** The output so far. */
  get text(): string {
    return this.#seen.join("\n");
  }

  /** The number of lines so far. */
  get count(): number {
    return this.#seen.length;
  }

  /** The lines after the first `count`. */
  after(count: number): readonly string[] {
    return this.#seen.slice(count);
  }

  /** The next line that was not taken yet and holds `part`; takes up to it. */
  async next(part: string): Promise<string> {
    while (true) {
      while (this.#taken < this.#seen.length) {
        const line = this.#seen[this.#taken++]!;
        if (line.includes(part)) return line;
      }
      if (this.#ended) {
        throw new Error(`no line with "${part}", only:\n${this.text}`);
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await within(promise, () => `a line with "${part}" after:\n${this.text}`);
    }
  }

  /** Waits until a line holds `part`, also one that was taken. */
  async sees(part: string): Promise<void> {
    while (!this.#seen.some((line) => line.includes(part))) {
      if (this.#ended) throw new Error(`no line with "${part}":\n${this.text}`);
      await eventually(
        () => `a line with "${part}", but:\n${this.text}`,
        () => this.#ended || this.#seen.some((line) => line.includes(part)),
      );
    }
  }

  /** Everything, once the stream has ended. */
  async all(): Promise<string> {
    while (!this.#ended) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await within(promise, "the end of a program's output");
    }
    return this.text;
  }
}

/** Options of {@linkcode Program.start}. */
export interface ProgramOptions {
  args?: readonly string[];
  env?: Record<string, string>;
  cwd?: string;
}

/** A started program. `await using` kills it. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  #ended = false;
  /** Its standard output. */
  readonly output: Lines;
  /** Its standard error. */
  readonly errors: Lines;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.output = new Lines(child.stdout);
    this.errors = new Lines(child.stderr);
    child.status.then(() => this.#ended = true);
  }

  /** Starts a program without standard input. */
  static start(command: string, options: ProgramOptions = {}): Program {
    const { args = [], env, cwd } = options;
    return new Program(
      new Deno.Command(command, {
        args: [...args],
        env: { ...ENVIRONMENT, ...env },
        ...(cwd !== undefined && { cwd }),
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn(),
    );
  }

  /** Its process. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Whether it has ended. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Sends a signal; nothing to a program that has ended. */
  signal(signal: Deno.Signal): void {
    if (this.#ended) return;
    try {
      this.#child.kill(signal);
    } catch (error) {
      // Deno detects the end before its status promise settles.
      if (!(error instanceof TypeError)) throw error;
    }
  }

  /** How it ended, once it has, with everything it wrote. */
  async end(): Promise<{
    code: number;
    signal: Deno.Signal | null;
    output: string;
    errors: string;
  }> {
    const { code, signal } = await within(
      this.#child.status,
      () => `the end of a program that wrote:\n${this.errors.text}`,
    );
    const output = await this.output.all();
    const errors = await this.errors.all();
    return { code, signal, output, errors };
  }

  /** Kills it, if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGKILL");
    await this.end();
  }
}
