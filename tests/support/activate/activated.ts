/**
 * Programs that know nothing of multibinder, started with
 * `--preload client/activate/mod.ts`.
 *
 * @module
 */
import { bind } from "../../../client.ts";
import { clientCommand } from "../client_program.ts";
import type { Daemon } from "../daemon.ts";
import { Program } from "../program.ts";
import { Scratch, treePath } from "../tree.ts";

/** The module, as `--preload` takes it. */
export const ACTIVATE: string = treePath("client/activate/mod.ts");

/** Options of {@linkcode Activated.start}. */
export interface ActivatedOptions {
  /** The address of a socket to pass to the program. Default: none. */
  passed?: string;
  /** Where the passed socket comes from. Required by `passed`. */
  from?: Daemon;
  /** The daemon that the program may ask. Default: none. */
  daemon?: Daemon;
  /** Arguments of the program. Default: none. */
  args?: readonly string[];
  /** Variables to set. Default: none. */
  env?: Record<string, string>;
  /** Permission flags. Default: `-A`. */
  permissions?: readonly string[];
  /** A program between `exec` and the program, such as `env ...`. Default: none. */
  between?: readonly string[];
  /** The Deno that runs the program. Default: this one. */
  deno?: string;
}

/** A program and its source. `await using` ends and removes them. */
export class Activated implements AsyncDisposable {
  private constructor(
    readonly program: Program,
    readonly scratch: Scratch,
  ) {}

  /** Starts a program of this source. */
  static async start(
    source: string,
    options: ActivatedOptions = {},
  ): Promise<Activated> {
    const scratch = await Scratch.make();
    const main = scratch.join("main.ts");
    await Deno.writeTextFile(main, source);
    const { args = [], daemon, env = {} } = options;
    const { permissions = ["-A"], deno = Deno.execPath() } = options;
    const flags = ["--no-config", "--no-prompt", `--preload=${ACTIVATE}`];
    const own = [deno, "run", ...flags, ...permissions, main, ...args];
    const [command = "", ...rest] = commandOf(own, options);
    const program = Program.start(command, {
      args: rest,
      env: { MULTIBINDER_SOCK: daemon?.sock ?? "", ...env },
    });
    return new Activated(program, scratch);
  }

  /** Starts it and waits until it prints a line with "listening". */
  static async listening(
    source: string,
    options?: ActivatedOptions,
  ): Promise<Activated> {
    const activated = await Activated.start(source, options);
    try {
      await activated.program.output.next("listening");
      return activated;
    } catch (error) {
      const { text } = activated.program.errors;
      await activated[Symbol.asyncDispose]();
      throw new Error(`the program wrote: ${text}`, { cause: error });
    }
  }

  /** What it wrote to standard error. */
  get errors(): string {
    return this.program.errors.text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
    await this.scratch[Symbol.asyncDispose]();
  }
}

function commandOf(
  own: readonly string[],
  { passed, from, daemon, between = [] }: ActivatedOptions,
): readonly string[] {
  if (passed === undefined) return own;
  const after = [
    "env",
    `MULTIBINDER_SOCK=${daemon?.sock ?? ""}`,
    ...between,
    ...own,
  ];
  return clientCommand([
    "exec",
    `--sock=${from!.sock}`,
    passed,
    "--",
    ...after,
  ]);
}

/** The port that the daemon holds for an address such as `:0`. */
export async function portAt(
  { sock }: Daemon,
  address: string,
): Promise<number> {
  using socket = await bind(address, { sock });
  return (socket.addr as Deno.NetAddr).port;
}

/** The body of the answer to a request on a new connection. */
export async function ask(port: number, host = "127.0.0.1"): Promise<string> {
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const answer = await fetch(`http://${host}:${port}/`, { client });
  return await answer.text();
}

/** Sends "hello" on a new connection: everything that comes back. */
export async function echo(
  address: Deno.ConnectOptions | Deno.UnixConnectOptions,
): Promise<string> {
  using connection = "path" in address
    ? await Deno.connect(address)
    : await Deno.connect(address);
  await connection.write(new TextEncoder().encode("hello"));
  await connection.closeWrite();
  return await new Response(connection.readable).text();
}
