/**
 * The programs that a measurement needs: compiling them, starting them until
 * they are ready, ending them whatever happens.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { ServerKey } from "./servers.ts";

/** A file of this tree, by its path from the root of the tree. */
export function treePath(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url));
}

/**
 * Compiles `bench/NAME.c` into `folder` with some libraries and returns the
 * path of the program.
 */
export async function compile(
  name: string,
  folder: string,
  libraries: readonly string[] = [],
): Promise<string> {
  const program = `${folder}/${name}`;
  const source = treePath(`bench/${name}.c`);
  const { success, stderr } = await new Deno.Command("cc", {
    args: [
      ...["-O2", "-Wall", "-Wextra", "-pthread", "-o", program, source],
      ...libraries.map((name) => `-l${name}`),
    ],
    stdout: "null",
    stderr: "piped",
  }).output().catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error("a C compiler is needed: cc was not found", {
      cause: error,
    });
  });
  if (!success) {
    throw new Error(`cc ${source}: ${new TextDecoder().decode(stderr)}`);
  }
  return program;
}

/** Whether a program of this name is installed and can be started. */
export async function isInstalled(name: string): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(name, {
      args: ["--version"],
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** How a server is started that hands out sockets on a control socket. */
export interface ServerProgram {
  /** The name that it is chosen by. */
  key: ServerKey;
  /** The name that a table shows. */
  name: string;
  /** The program, by path or name. */
  command: string;
  /** Its arguments, for the control socket it has to open. */
  args: (socket: string) => string[];
  /** Whether its standard error is thrown away, or kept for the case that it fails. */
  stderr: "null" | "piped";
}

/** What a process has in memory, in bytes: VmRSS of proc_pid_status(5). */
export async function residentBytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const kib = /^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1];
  if (kib === undefined) throw new Error(`no VmRSS in /proc/${pid}/status`);
  return Number(kib) * 1024;
}

/** Start-up and end are bounded by these. */
const READY_WITHIN_MS = 60_000;
const ENDED_WITHIN_MS = 3_000;

/** Clock ticks per second in /proc/PID/stat: 100 on every target of the daemon. */
const USER_HZ = 100;

/** A server that is up. Disposing of it ends it, by force if need be. */
export class RunningServer implements AsyncDisposable {
  /** What is running. */
  readonly program: ServerProgram;
  /** The path of its control socket. */
  readonly socket: string;
  readonly #child: Deno.ChildProcess;
  #hasEnded = false;

  private constructor(
    program: ServerProgram,
    socket: string,
    child: Deno.ChildProcess,
  ) {
    this.program = program;
    this.socket = socket;
    this.#child = child;
    child.status.then(() => this.#hasEnded = true);
  }

  /**
   * Starts a server and waits for the line by which every multibinder says that
   * it is ready. One that ends before, or is silent for too long, is an error
   * that carries what it wrote on its standard error.
   */
  static async start(
    program: ServerProgram,
    socket: string,
  ): Promise<RunningServer> {
    const child = new Deno.Command(program.command, {
      args: program.args(socket),
      stdin: "null",
      stdout: "piped",
      stderr: program.stderr,
    }).spawn();
    const server = new RunningServer(program, socket, child);
    const complaint = program.stderr === "piped"
      ? new Response(child.stderr).text()
      : Promise.resolve("(its standard error is thrown away)");
    const { promise: late, cancel } = timeout(READY_WITHIN_MS);
    const outcome = await Promise.race([
      readUntilLine(
        child.stdout,
        `Listening for binds on control socket: ${socket}`,
      ),
      late.then(() => "silent" as const),
    ]);
    cancel();
    if (outcome !== "ready") {
      await server[Symbol.asyncDispose]();
      throw new Error(
        `${program.name}: ${
          outcome === "ended" ? "ended before it was ready" : "not ready"
        }\n${program.command} ${program.args(socket).join(" ")}\n` +
          (await complaint).trimEnd(),
      );
    }
    return server;
  }

  /** The process, for signals and for /proc. */
  get pid(): number {
    return this.#child.pid;
  }

  /** What it has in memory, in bytes: VmRSS of proc_pid_status(5). */
  residentBytes(): Promise<number> {
    return residentBytes(this.pid);
  }

  /** Processor time it has used since it started, in seconds, to 10 ms. */
  async cpuSeconds(): Promise<number> {
    if (this.#hasEnded) {
      throw new Error(`${this.program.name}: ended while it was measured`);
    }
    const stat = await Deno.readTextFile(`/proc/${this.pid}/stat`);
    // The second field, the name in parentheses, may hold anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / USER_HZ;
  }

  /** Ends the server: SIGTERM, then SIGKILL. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal("SIGTERM");
    const { promise: late, cancel } = timeout(ENDED_WITHIN_MS);
    await Promise.race([
      this.#child.status,
      late.then(() => this.#signal("SIGKILL")),
    ]);
    cancel();
    await this.#child.status;
  }

  #signal(signal: Deno.Signal): void {
    if (!this.#hasEnded) this.#child.kill(signal);
  }
}

/**
 * Resolves when the line has come or the stream has ended. What comes after the
 * line is read and thrown away, so that the writer never waits for a reader.
 */
function readUntilLine(
  stream: ReadableStream<Uint8Array>,
  line: string,
): Promise<"ready" | "ended"> {
  const { promise, resolve } = Promise.withResolvers<"ready" | "ended">();
  let text = "";
  let isReady = false;
  const decoder = new TextDecoder();
  stream.pipeTo(
    new WritableStream({
      write(chunk) {
        if (isReady) return;
        text += decoder.decode(chunk, { stream: true });
        isReady = text.split("\n").slice(0, -1).includes(line);
        if (isReady) resolve("ready");
      },
    }),
  ).catch(() => {}).finally(() => resolve("ended"));
  return promise;
}

/** A promise that resolves after `milliseconds`, unless it is cancelled. */
function timeout(
  milliseconds: number,
): { promise: Promise<void>; cancel: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  return { promise, cancel: () => clearTimeout(timer) };
}
