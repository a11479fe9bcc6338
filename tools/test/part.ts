/**
 * A part of the test suite: one process that runs tests and prints what
 * `deno test` prints.
 * @module
 */

/** A process to run. */
export interface Part {
  /** A folder, a task, what the output is headed with. */
  name: string;
  command: readonly string[];
}

/** What a part printed, and what it counted. */
export interface Result {
  name: string;
  output: string;
  seconds: number;
  passed: number;
  failed: number;
  ignored: number;
  /** A line for each test that failed, with its file. */
  failures: string[];
}

/** A part that has started. */
export class RunningPart {
  readonly #child: Deno.ChildProcess;
  readonly #started = performance.now();
  #output = "";

  constructor(readonly part: Part, cwd: string) {
    this.#child = new Deno.Command("sh", {
      args: ["-c", 'exec "$@" 2>&1', "sh", ...part.command],
      cwd,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      // A process group of its own: kill() ends what its tests have started too.
      detached: true,
    }).spawn();
  }

  /** What it has printed until now. */
  get output(): string {
    return this.#output;
  }

  /** Waits for its end. */
  async result(): Promise<Result> {
    const text = this.#child.stdout.pipeThrough(new TextDecoderStream());
    for await (const piece of text) this.#output += piece;
    const { success, code, signal } = await this.#child.status;
    const seconds = (performance.now() - this.#started) / 1000;
    const { name } = this.part;
    const counts = countsIn(this.#output);
    const failures = failuresIn(this.#output);
    if (counts.summaries === 0 || (!success && counts.failed === 0)) {
      counts.failed++;
      failures.push(
        `${name} ended with ${signal ?? `exit code ${code}`}` +
          (counts.summaries === 0 ? " and without a summary" : ""),
      );
    }
    return { name, output: this.#output, seconds, failures, ...counts };
  }

  /** Ends it and every process of its group. */
  kill(): void {
    try {
      Deno.kill(-this.#child.pid, "SIGKILL");
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/** Adds up the summary lines: `FAILED | 12 passed | 1 failed | 2 ignored (3s)`. */
export function countsIn(output: string) {
  const counts = { summaries: 0, passed: 0, failed: 0, ignored: 0 };
  const number = (line: string, word: string) =>
    Number(new RegExp(`\\| (\\d+) ${word}`).exec(line)?.[1] ?? 0);
  for (const [line] of output.matchAll(/^(ok|FAILED) \| \d+ passed.*$/gm)) {
    counts.summaries++;
    counts.passed += number(line, "passed");
    counts.failed += number(line, "failed");
    counts.ignored += number(line, "ignored");
  }
  return counts;
}

/** The lines of the lists that `deno test` heads with FAILURES. */
export function failuresIn(output: string): string[] {
  return [...output.matchAll(/^ FAILURES \n\n((?:.+\n)+)/gm)]
    .flatMap(([, lines = ""]) => lines.trimEnd().split("\n"));
}
