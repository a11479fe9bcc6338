/**
 * Child processes of the demo, which print a line when they are ready.
 *
 * @module
 */

/** A child whose only permission is the C library. */
export class Child implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #output: ReadableStreamDefaultReader<string>;
  #text = "";

  /** Starts `deno run <script> <args>` with the standard error of this program. */
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

  /** Waits for the next line that begins with `start`, and returns it. */
  async line(start: string): Promise<string> {
    while (true) {
      const end = this.#text.indexOf("\n");
      if (end === -1) {
        const { value, done } = await this.#output.read();
        if (done) throw new Error(`a child ended before it printed "${start}"`);
        this.#text += value;
        continue;
      }
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 1);
      if (line.startsWith(start)) return line;
    }
  }

  /** Sends a signal. */
  signal(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  /** Sends SIGTERM. Throws unless the exit status is 0. */
  async end(): Promise<void> {
    this.signal("SIGTERM");
    const { code } = await this.#process.status;
    if (code !== 0) throw new Error(`a child ended with status ${code}`);
  }

  /** Kills the child if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.signal("SIGKILL");
    } catch (error) {
      // The child has already ended.
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
