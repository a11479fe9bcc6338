/**
 * Child processes of the demo, which say on standard output when they are
 * ready.
 *
 * @module
 */

/** A child that may open the C library and nothing else. */
export class Child implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #output: ReadableStreamDefaultReader<string>;
  #text = "";

  /** Starts `deno run <script> <args>`; errors go where ours go. */
  constructor(script: string, args: string[], env: Record<string, string>) {
    const path = new URL(script, import.meta.url).href;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", `--allow-ffi=${libc()}`, path, ...args],
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#output = this.#process.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
  }

  /** Waits for the next line that begins with `start`. */
  async line(start: string): Promise<void> {
    while (true) {
      const end = this.#text.indexOf("\n");
      if (end === -1) {
        const { value, done } = await this.#output.read();
        if (done) throw new Error(`a child ended before it said "${start}"`);
        this.#text += value;
        continue;
      }
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 1);
      if (line.startsWith(start)) return;
    }
  }

  /** Sends a signal. */
  signal(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  /** Ends it with SIGTERM; throws unless its exit status is 0. */
  async end(): Promise<void> {
    this.signal("SIGTERM");
    const { code } = await this.#process.status;
    if (code !== 0) throw new Error(`a child ended with status ${code}`);
  }

  /** Kills it if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.signal("SIGKILL");
    } catch (error) {
      // It has ended already.
      if (!(error instanceof TypeError)) throw error;
    }
    await this.#process.status;
    await this.#output.cancel();
  }
}

function libc(): string {
  const path = `/lib/${Deno.build.arch}-linux-gnu/libc.so.6`;
  try {
    Deno.statSync(path);
    return path;
  } catch {
    return "/lib64/libc.so.6";
  }
}
