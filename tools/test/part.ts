/**
 * A part of the test suite: one process that runs tests and prints what
 * `deno test` prints.
 * @module
 */

/** A process to run. */
export interface Part {
  /** The heading of the output: a folder or a task. */
  name: string;
  command: readonly string[];
}

/** The output and the test counts of a part. */
export interface Result {
  name: string;
  output: string;
  seconds: number;
  passed: number;
  failed: number;
  ignored: number;
  /** A line for each test that failed, with its file. */
  failures: string[];
  /** Their errors, the beginning. */
  errors: string;
}

/** A part that takes longer hangs: ten times what the longest takes, in min. */
const LIMIT = 60;

/** How long processes have to end after SIGTERM, in ms. */
const GRACE = 5_000;

/** A part that has started. */
export class RunningPart {
  readonly #child: Deno.ChildProcess;
  readonly #started = performance.now();
  readonly #reading: Promise<void>;
  #output = "";
  #hangs = false;

  constructor(readonly part: Part, cwd: string) {
    this.#child = new Deno.Command("sh", {
      args: ["-c", 'exec "$@" 2>&1', "sh", ...part.command],
      cwd,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      // A new process group: end() also ends processes that the tests have
      // started.
      detached: true,
    }).spawn();
    this.#reading = this.#read();
  }

  async #read(): Promise<void> {
    const text = this.#child.stdout.pipeThrough(new TextDecoderStream());
    for await (const piece of text) this.#output += piece;
  }

  /** Waits for its end. */
  async result(): Promise<Result> {
    const timer = setTimeout(() => {
      this.#hangs = true;
      this.end();
    }, LIMIT * 60_000);
    const { success, code, signal } = await this.#child.status;
    clearTimeout(timer);
    // What a crash has left behind would hold the output open.
    this.#kill("SIGKILL");
    await this.#reading;
    const seconds = (performance.now() - this.#started) / 1000;
    const { name } = this.part;
    const counts = countsIn(this.#output);
    const failures = failuresIn(this.#output);
    if (counts.summaries === 0 || (!success && counts.failed === 0)) {
      counts.failed++;
      const how = this.#hangs
        ? `was ended after ${LIMIT} minutes`
        : `ended with ${signal ?? `exit code ${code}`}`;
      const summary = counts.summaries === 0 ? " and without a summary" : "";
      failures.push(name + " " + how + summary);
    }
    const output = this.#output;
    const errors = errorsIn(output);
    return { name, output, seconds, failures, errors, ...counts };
  }

  /** Ends it and every process of its group. */
  async end(): Promise<void> {
    this.#kill("SIGTERM");
    const killing = setTimeout(() => this.#kill("SIGKILL"), GRACE);
    await this.#child.status;
    clearTimeout(killing);
    this.#kill("SIGKILL");
  }

  #kill(signal: Deno.Signal): void {
    try {
      Deno.kill(-this.#child.pid, signal);
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
function failuresIn(output: string): string[] {
  return [...output.matchAll(/^ FAILURES \n\n((?:.+\n)+)/gm)]
    .flatMap(([, lines = ""]) => lines.trimEnd().split("\n"));
}

/** How much of the errors of a part is repeated, in characters. */
const MAX_ERRORS = 2_000;

/** What `deno test` heads with ERRORS. */
function errorsIn(output: string): string {
  return [...output.matchAll(/^ ERRORS \n\n([^]*?)\n FAILURES $/gm)]
    .map(([, errors = ""]) => errors.slice(0, MAX_ERRORS)).join("");
}
