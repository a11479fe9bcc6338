/**
 * Starts the daemon as its users do: in a separate process that may only open
 * libc.
 *
 * @module
 */
import { connect, type Session } from "../../client.ts";
import type { Status } from "../../protocol.ts";
import { eventually } from "./eventually.ts";
import { Program } from "./program.ts";
import { RawConnection } from "./raw_connection.ts";
import { libcPath, Scratch, treePath } from "./tree.ts";

/** Options of {@linkcode Daemon.start}. */
export interface DaemonOptions {
  /** The path of the control socket. Default: in a temporary directory. */
  sock?: string;
  /** Options of the daemon's command line. Default: none. */
  args?: readonly string[];
  /**
   * The program to start with those options and the path of the control socket.
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

/** The flags that are all the daemon needs. */
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

/** A daemon that listens. `await using` ends it and removes its files. */
export class RunningDaemon implements AsyncDisposable {
  /** Takes over a program that has started; {@linkcode untilListening} is next. */
  constructor(
    /** Where its files are. */
    readonly scratch: Scratch,
    /** The process. */
    readonly program: Program,
    /** The path of the control socket. */
    readonly sock: string,
  ) {}

  /** Waits until it says that it listens; ends it if it never does. */
  async untilListening(): Promise<void> {
    try {
      await this.listening();
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw new Error(`the daemon wrote: ${this.program.errors.text}`, {
        cause: error,
      });
    }
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

  /** A connection to the control socket, to send and receive bytes on. */
  rawConnection(): RawConnection {
    return RawConnection.open(this.sock);
  }

  /** A session of the client library. */
  session(): Promise<Session> {
    return connect({ sock: this.sock });
  }

  /** Re-executes it and waits for the next generation; throws if it stays. */
  async reexec(): Promise<void> {
    let isOver = false;
    const listening = this.listening().finally(() => isOver = true);
    await Promise.race([listening, this.#upgrade(() => isOver)]);
  }

  /** Asks for an upgrade, again where the check of the new version was too slow. */
  async #upgrade(isOver: () => boolean): Promise<void> {
    const { errors } = this.program;
    let seen = errors.count;
    this.program.signal("SIGUSR1");
    await eventually("the end of an upgrade", () => {
      const abandoned = errors.after(seen)
        .find((line) => line.includes("upgrade abandoned"));
      if (isOver() || abandoned === undefined) return isOver();
      if (!abandoned.includes("did not exit within")) {
        throw new Error(abandoned);
      }
      seen = errors.count;
      this.program.signal("SIGUSR1");
      return false;
    });
  }

  /** Its answer to `status`. */
  async status(): Promise<Status> {
    using session = await this.session();
    return await session.status();
  }

  /** Ends it as a service manager does, and says how it ended. */
  async stop(): ReturnType<Program["end"]> {
    this.program.signal("SIGTERM");
    return await this.program.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
    await this.scratch[Symbol.asyncDispose]();
  }
}

/** A daemon of this tree. */
export class Daemon extends RunningDaemon {
  /** Starts one and waits until it says that it listens. */
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
    await daemon.untilListening();
    return daemon;
  }
}
