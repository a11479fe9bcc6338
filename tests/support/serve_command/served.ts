/**
 * A module under the client's command `serve`.
 *
 * @module
 */
import { bind } from "../../../client.ts";
import { startClient } from "../client_program.ts";
import type { Daemon } from "../daemon.ts";
import type { Program } from "../program.ts";
import { Scratch } from "../tree.ts";

/** The module of `--preload`. */
export const PRELOAD = "client/activate/serve.ts";

/** A module whose answers name its generation and process. */
export function moduleOf(name: string): string {
  return `export default { fetch: () => new Response("${name} " + Deno.pid) };`;
}

/** Options of {@linkcode Served.start}. */
export interface ServedOptions {
  /** Files of the module's directory by name. The module is `main.ts`. */
  files: Record<string, string>;
  /** Options of `serve`. Default: none. */
  options?: readonly string[];
  /** Default: port 0 of 127.0.0.1. `{dir}` is the directory. */
  address?: string;
  /** What is served. Default: `main.ts` by its path. `{dir}` is the directory. */
  module?: readonly string[];
  /** The Deno that runs both. Default: this one. */
  deno?: string;
  /** Permission flags of `serve` beside libc. Default: none. */
  permissions?: readonly string[];
  /** Variables to set. Default: none. */
  env?: Record<string, string>;
}

/** A running `serve`. `await using` ends it and removes the directory. */
export class Served implements AsyncDisposable {
  private constructor(
    readonly program: Program,
    readonly scratch: Scratch,
    /** The address that is served. */
    readonly addr: Deno.Addr,
  ) {}

  /** Starts it. */
  static async start(
    daemon: Daemon,
    { files, options = [], address = "127.0.0.1:0", ...more }: ServedOptions,
  ): Promise<Served> {
    const { module = ["{dir}/main.ts"], deno, env, permissions } = more;
    const scratch = await Scratch.make();
    const inside = (text: string) => text.replaceAll("{dir}", scratch.path);
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(scratch.join(name), text);
    }
    using socket = await bind(inside(address), { sock: daemon.sock });
    const words = [...options, address, ...module].map(inside);
    const program = startClient(daemon, ["serve", ...words], {
      ...(deno !== undefined && { deno }),
      ...(env !== undefined && { env }),
      ...(permissions !== undefined && { permissions }),
    });
    return new Served(program, scratch, socket.addr);
  }

  /** Starts it and waits until it is ready. */
  static async ready(daemon: Daemon, options: ServedOptions): Promise<Served> {
    const served = await Served.start(daemon, options);
    try {
      const line = await served.#afterStart();
      if (line.endsWith("ready")) return served;
      throw new Error(served.program.errors.text);
    } catch (error) {
      await served[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What became of the first start. */
  async #afterStart(): Promise<string> {
    await this.says("generation 1: started");
    return await this.says("generation 1: ");
  }

  /** The port that is served. */
  get port(): number {
    return (this.addr as Deno.NetAddr).port;
  }

  /** Waits for a line of standard error. */
  async says(part: string): Promise<string> {
    return await this.program.errors.next(part);
  }

  /** Replaces the module and reloads. */
  async reload(source: string): Promise<void> {
    await Deno.writeTextFile(this.scratch.join("main.ts"), source);
    this.program.signal("SIGHUP");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.program.signal("SIGTERM");
    await this.program.end();
    await this.scratch[Symbol.asyncDispose]();
  }
}
