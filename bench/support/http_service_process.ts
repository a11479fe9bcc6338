import { treePath } from "./tree_path.ts";

/** A process that runs http_service.ts. Disposing of it ends it. */
export class HttpServiceProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;

  private constructor(
    child: Deno.ChildProcess,
    readonly host: string,
    readonly port: number,
  ) {
    this.#child = child;
  }

  /** Where it serves. */
  get url(): string {
    return `http://${this.host}:${this.port}/`;
  }

  /** The process ID. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Starts a service and waits until it serves. See http_service.ts for `args`. */
  static async start(
    kind: "plain" | "shared" | "reuse-port",
    host: string,
    sock: string,
    { args = [] }: { args?: readonly string[] } = {},
  ): Promise<HttpServiceProcess> {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--unstable-net"], // for reusePort
        ...[treePath("bench/support/http_service.ts")],
        ...[kind, host, ...args],
      ],
      env: { MULTIBINDER_SOCK: sock },
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    let text = "";
    const output = child.stdout.pipeThrough(new TextDecoderStream());
    for await (const part of output) {
      text += part;
      const bound = /^port (\d+)\n/.exec(text)?.[1];
      if (bound !== undefined) {
        return new HttpServiceProcess(child, host, Number(bound));
      }
    }
    const { code } = await child.status;
    throw new Error(`the ${kind} HTTP service ended with status ${code}`);
  }

  /** Sends SIGTERM and waits for the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
  }
}
