/** Servers on a control socket, as child processes. */

/** How to start a server. */
export interface ServerProgram {
  /** For error messages. */
  name: string;
  /** The command line. The path of the control socket is appended. */
  command: readonly string[];
}

/** VmRSS of proc_pid_status(5), in bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const kib = /^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1];
  if (kib === undefined) throw new Error(`no VmRSS in /proc/${pid}/status`);
  return Number(kib) * 1024;
}

/** In ms. */
const START_TIMEOUT = 60_000;

/** From SIGTERM to SIGKILL, in ms. */
const STOP_TIMEOUT = 3_000;

/** A server that is ready. Disposing of it stops it. */
export class RunningServer implements AsyncDisposable {
  /** The path of its control socket. */
  readonly socket: string;
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess, socket: string) {
    this.#child = child;
    this.socket = socket;
  }

  /**
   * Starts a server and waits until it is ready. Its log goes to the file
   * `SOCKET.log`, through sh, because Deno.Command cannot redirect to a file.
   *
   * @throws {Error} with the log, if the server does not become ready.
   */
  static async start(
    program: ServerProgram,
    socket: string,
  ): Promise<RunningServer> {
    const log = `${socket}.log`;
    const child = new Deno.Command("sh", {
      args: ["-c", 'exec "$@" 2>"$0"', log, ...program.command, socket],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const server = new RunningServer(child, socket);
    try {
      const line = `Listening for binds on control socket: ${socket}`;
      await waitForLine(child.stdout, line);
      return server;
    } catch (cause) {
      await server[Symbol.asyncDispose]();
      const messages = (await Deno.readTextFile(log)).trimEnd();
      throw new Error(`${program.name} did not start:\n${messages}`, { cause });
    }
  }

  /** The process ID. A re-exec keeps it. */
  get pid(): number {
    return this.#child.pid;
  }

  /** VmRSS of proc_pid_status(5), in bytes. */
  residentBytes(): Promise<number> {
    return residentBytes(this.pid);
  }

  /** Sends SIGTERM, and SIGKILL if the server does not end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal("SIGTERM");
    const timer = setTimeout(() => this.#signal("SIGKILL"), STOP_TIMEOUT);
    await this.#child.status;
    clearTimeout(timer);
  }

  #signal(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      // The child has already ended.
      if (!(error instanceof TypeError)) throw error;
    }
  }
}

/**
 * Waits until a program prints the line. Reads and discards everything after
 * it, so that the program never blocks on a full pipe.
 */
async function waitForLine(
  stdout: ReadableStream<Uint8Array<ArrayBuffer>>,
  line: string,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => reject(new Error(`not ready within ${START_TIMEOUT / 1000} s`)),
    START_TIMEOUT,
  );
  let text = "";
  let isReady = false;
  stdout.pipeThrough(new TextDecoderStream()).pipeTo(
    new WritableStream({
      write(part) {
        if (isReady) return;
        text += part;
        isReady = text.split("\n").slice(0, -1).includes(line);
        if (isReady) resolve();
      },
    }),
  ).then(() => reject(new Error("ended before it was ready")), reject);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
  }
}
