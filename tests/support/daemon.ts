/**
 * Starts the daemon as users do: a separate process that may only open libc.
 *
 * @module
 */
import { connect } from "../../client.ts";
import type { Status } from "../../protocol.ts";
import { Program } from "./program.ts";
import { libcPath, Scratch, treePath } from "./tree.ts";

/** Options of {@linkcode Daemon.start}. */
export interface DaemonOptions {
  /** The path of the control socket. Default: in a new directory. */
  sock?: string;
  /** Options of the daemon's command line. Default: none. */
  args?: readonly string[];
  /**
   * The program that gets those options and the path of the control socket.
   * Default: this deno with the daemon of this tree.
   */
  program?: readonly string[];
  /** The Deno that runs the daemon of this tree. Default: this one. */
  deno?: string;
  /** Permission flags. Default: the C library and nothing else. */
  permissions?: readonly string[];
  /** Variables to set. Default: none. */
  env?: Record<string, string>;
  /** A program to start it with, such as `setpriv ...`. Default: none. */
  under?: readonly string[];
}

/** The only permission flags that the daemon needs. */
export const MINIMAL_FLAGS: readonly string[] = [
  "--no-prompt",
  `--allow-ffi=${libcPath}`,
];

/** The command line that starts a daemon of this tree. */
export function daemonCommand(
  sock: string,
  {
    args = [],
    permissions = MINIMAL_FLAGS,
    deno = Deno.execPath(),
    program = [deno, "run", ...permissions, treePath("server.ts")],
  }: DaemonOptions = {},
): string[] {
  return [...program, ...args, sock];
}

/**
 * A daemon that is started with its signals blocked does not execute itself
 * (ffi/processes/block_signals.ts). On an emulated processor that saves seconds a test.
 */
const SIGNALS_BLOCKED: readonly string[] =
  Deno.env.has("MULTIBINDER_TESTS_SINGLE_START")
    ? ["env", "--block-signal=HUP,USR1,TERM,INT"]
    : [];

/** A daemon that listens. `await using` ends it. */
export class Daemon implements AsyncDisposable {
  readonly #scratch: Scratch;
  /** The process. */
  readonly program: Program;
  /** The path of the control socket. */
  readonly sock: string;

  private constructor(scratch: Scratch, program: Program, sock: string) {
    this.#scratch = scratch;
    this.program = program;
    this.sock = sock;
  }

  /** Starts a daemon and waits until it logs that it listens. */
  static async start(options: DaemonOptions = {}): Promise<Daemon> {
    const scratch = await Scratch.make();
    const sock = options.sock ?? scratch.join("control.sock");
    const command = [
      ...SIGNALS_BLOCKED,
      ...options.under ?? [],
      ...daemonCommand(sock, options),
    ];
    const program = Program.start(command[0]!, {
      args: command.slice(1),
      ...(options.env && { env: options.env }),
    });
    const daemon = new Daemon(scratch, program, sock);
    try {
      await daemon.listening();
    } catch (error) {
      await daemon[Symbol.asyncDispose]();
      throw new Error(`the daemon wrote: ${program.errors.text}`, {
        cause: error,
      });
    }
    return daemon;
  }

  /** Its process. */
  get pid(): number {
    return this.program.pid;
  }

  /** Waits for the next line that says it listens. */
  async listening(): Promise<void> {
    await this.program.output.next(
      `Listening for binds on control socket: ${this.sock}`,
    );
  }

  /** Re-executes it and waits for the next generation. */
  async reexec(): Promise<void> {
    this.program.signal("SIGUSR1");
    await this.listening();
  }

  /** The answer to `status`. */
  async status(): Promise<Status> {
    using session = await connect({ sock: this.sock });
    return await session.status();
  }

  /** Ends it as a service manager does, and returns how it ended. */
  async stop(): ReturnType<Program["end"]> {
    this.program.signal("SIGTERM");
    return await this.program.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
    await this.#scratch[Symbol.asyncDispose]();
  }
}
