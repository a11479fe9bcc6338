/**
 * A daemon, and HAProxy under the wrapper.
 *
 * @module
 */
import { portOf } from "../client_program.ts";
import { Daemon } from "../daemon.ts";
import { eventually } from "../eventually.ts";
import { Program, within } from "../program.ts";
import { Scratch, treePath } from "../tree.ts";

/** A configuration that answers with `text` and the PID of HAProxy. */
export function template(
  text: string,
  { global = "", bind = "<%= bind_tcp('127.0.0.1', 0) %>" } = {},
): string {
  return `global
  maxconn 256
  ${global}

defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s

frontend web
  bind ${bind}
  http-request return status 200 content-type text/plain lf-string "${text} %pid"
`;
}

/** Options of {@linkcode startWrapper}. */
export interface WrapperOptions {
  /** Options of the wrapper. Default: none. */
  options?: readonly string[];
  /** Variables to set. Default: none. */
  env?: Record<string, string>;
  /** Deno's permissions. Default: all. */
  permissions?: readonly string[];
  /** Working directory. Default: this one. */
  cwd?: string;
  /** HAProxy. Default: `haproxy`. */
  command?: string;
  /** A program to start it with, such as `unshare ...`. Default: none. */
  under?: readonly string[];
}

/** Starts the wrapper with arguments of HAProxy. */
export function startWrapper(
  sock: string | undefined,
  args: readonly string[],
  {
    options = [],
    env,
    permissions = ["-A"],
    cwd,
    command = "haproxy",
    under = [],
  }: WrapperOptions = {},
): Program {
  const wrapper = [
    Deno.execPath(),
    "run",
    "--no-prompt",
    ...permissions,
    treePath("haproxy/mod.ts"),
  ];
  const words = [...under, ...wrapper, ...options, command, ...args];
  return Program.start(words[0]!, {
    args: words.slice(1),
    env: { MULTIBINDER_SOCK: sock ?? "", ...env },
    ...(cwd !== undefined && { cwd }),
  });
}

/** Runs the wrapper to its end. */
export async function runWrapper(
  ...args: Parameters<typeof startWrapper>
): ReturnType<Program["end"]> {
  await using program = startWrapper(...args);
  return await program.end();
}

/** A connection on which half a request was sent. */
export interface HalfRequest {
  /** Sends the rest of it: the body of the answer. */
  end(): Promise<string>;
}

const PID_FILE = "web.pid";

/** A daemon, and the wrapper with HAProxy. `await using` ends them. */
export class Wrapped implements AsyncDisposable {
  private constructor(
    readonly daemon: Daemon,
    /** The wrapper. */
    readonly program: Program,
    readonly scratch: Scratch,
    readonly port: number,
  ) {}

  /** Starts HAProxy with a template and does not wait. */
  static async start(
    text: string,
    args: readonly string[] = [],
    options: WrapperOptions & {
      /** The port that the template binds. Default: the one of port 0. */
      port?: number;
    } = {},
  ): Promise<Wrapped> {
    await using stack = new AsyncDisposableStack();
    const scratch = stack.use(await Scratch.make());
    const daemon = stack.use(await Daemon.start());
    await Deno.writeTextFile(scratch.join("web.cfg.erb"), text);
    const port = options.port ?? await portOf(daemon);
    const program = stack.use(
      startWrapper(
        daemon.sock,
        [
          "-f",
          scratch.join("web.cfg.erb"),
          "-p",
          scratch.join(PID_FILE),
          ...args,
        ],
        options,
      ),
    );
    stack.move();
    return new Wrapped(daemon, program, scratch, port);
  }

  /** Starts one and waits until it serves. */
  static async serving(
    ...args: Parameters<typeof Wrapped.start>
  ): Promise<Wrapped> {
    const wrapped = await Wrapped.start(...args);
    try {
      await wrapped.says("is ready");
      return wrapped;
    } catch (error) {
      await wrapped[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Waits for a line of the wrapper or of HAProxy that has `part`. */
  says(part: string): Promise<string> {
    return this.program.errors.next(part);
  }

  /** The path of the template. */
  get template(): string {
    return this.scratch.join("web.cfg.erb");
  }

  /** The configuration that the template was rendered to. */
  config(): Promise<string> {
    return Deno.readTextFile(this.scratch.join("web.cfg"));
  }

  /** The pid file's path. */
  get pidFile(): string {
    return this.scratch.join(PID_FILE);
  }

  /** Writes the template in one step: a reload under way reads the old one or the new one. */
  async write(text: string): Promise<void> {
    await Deno.writeTextFile(`${this.template}.new`, text);
    await Deno.rename(`${this.template}.new`, this.template);
  }

  /** Writes the template and sends the signal for a reload. */
  async reload(text: string): Promise<void> {
    await this.write(text);
    this.program.signal("SIGUSR2");
  }

  /** A request on a new connection: the text of the answer, and the PID. */
  async ask(): Promise<{ text: string; pid: number }> {
    const half = await within(this.beginRequest(), "a connection");
    const answer = await within(half.end(), "an answer");
    const [text = "", pid] = answer.split(" ");
    return { text, pid: Number(pid) };
  }

  /**
   * Asks until the answer has this text: the PID. Until an old HAProxy has ended,
   * it may answer too.
   */
  async askFor(text: string): Promise<number> {
    let answer = await this.ask();
    await eventually(
      () => `an answer of ${text}, but ${answer.text}`,
      async () => (answer = await this.ask()).text === text,
    );
    return answer.pid;
  }

  /** Reloads until the template answers with `text`: the PID that does. */
  async becomes(text: string, source = template(text)): Promise<number> {
    await this.reload(source);
    await this.says("is ready");
    return await this.askFor(text);
  }

  /** Sends half a request. */
  async beginRequest(): Promise<HalfRequest> {
    const connection = await Deno.connect({
      hostname: "127.0.0.1",
      port: this.port,
    });
    const write = (text: string) =>
      connection.write(new TextEncoder().encode(text));
    await write("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
    return {
      end: async () => {
        await write("\r\n");
        const answer = await new Response(connection.readable).text();
        return answer.slice(answer.indexOf("\r\n\r\n") + 4);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Again and again: the second one is the end of the grace for connections
    // that a test has left open, and two that come at once are one.
    const ended = this.program.end();
    let isOver = false;
    ended.then(() => isOver = true, () => isOver = true);
    await eventually("the end of the wrapper", () => {
      this.program.signal("SIGTERM");
      return isOver;
    });
    await ended;
    await this.program[Symbol.asyncDispose]();
    await this.daemon[Symbol.asyncDispose]();
    await this.scratch[Symbol.asyncDispose]();
  }
}
