/**
 * Starts daemons of which nobody reads the output: it goes to a pipe that is full.
 *
 * @module
 */
import {
  Daemon,
  daemonCommand,
  type DaemonOptions,
  RunningDaemon,
} from "../daemon.ts";
import { Lines, Program } from "../program.ts";
import { Scratch } from "../tree.ts";
import { OpenScratch } from "../unprivileged.ts";

/** Standard output or standard error. */
export type Stream = 1 | 2;

/**
 * Fills the named pipe $1 and replaces the shell by the other arguments, with
 * their stream $2 in that pipe. It is open for reading and writing, so a write to
 * it waits instead of failing.
 */
const FILL_AND_EXECUTE = `
pipe=$1 stream=$2; shift 2
exec 9<>"$pipe"
dd if=/dev/zero of="$pipe" oflag=nonblock bs=4096 count=256 status=none 2>&-
if [ "$stream" = 1 ]; then exec "$@" >&9 9<&-; fi
exec "$@" 2>&9 9<&-
`;

/** The command prefix that starts a program with its stream in a full pipe. */
export function filling(pipe: string, stream: Stream): string[] {
  return ["sh", "-c", FILL_AND_EXECUTE, "sh", pipe, String(stream)];
}

/** A named pipe in the directory. */
export async function namedPipe(scratch: OpenScratch): Promise<string> {
  const pipe = scratch.join("pipe");
  await new Deno.Command("mkfifo", { args: [pipe] }).output();
  return pipe;
}

/** A daemon with an output that nobody reads. `await using` ends it. */
export class UnreadDaemon implements AsyncDisposable {
  private constructor(
    readonly daemon: RunningDaemon,
    readonly scratch: OpenScratch,
    readonly pipe: string,
  ) {}

  /** Starts one of which nobody reads standard error. */
  static async start(options: DaemonOptions = {}): Promise<UnreadDaemon> {
    const scratch = await OpenScratch.make();
    try {
      const pipe = await namedPipe(scratch);
      const under = [...filling(pipe, 2), ...options.under ?? []];
      const daemon = await Daemon.start({ ...options, under });
      return new UnreadDaemon(daemon, scratch, pipe);
    } catch (error) {
      await scratch[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts one of which nobody reads standard output. It may not serve yet. */
  static async startUnheard(): Promise<UnreadDaemon> {
    const scratch = await OpenScratch.make();
    const pipe = await namedPipe(scratch);
    const sock = scratch.join("control.sock");
    const [command, ...args] = [...filling(pipe, 1), ...daemonCommand(sock)];
    const program = Program.start(command!, { args });
    const daemon = new RunningDaemon(await Scratch.make(), program, sock);
    return new UnreadDaemon(daemon, scratch, pipe);
  }

  /** Begins to read the pipe, which begins with its filling. */
  async read(): Promise<Lines> {
    const file = await Deno.open(this.pipe);
    return new Lines(file.readable);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]();
    await this.scratch[Symbol.asyncDispose]();
  }
}
