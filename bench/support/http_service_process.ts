import { treePath } from "./tree_path.ts";

/** A process that runs http_service.ts. Disposing of it ends it. */
export class HttpServiceProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  /** Where it serves. */
  readonly url: string;

  private constructor(child: Deno.ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  /** Starts a service and waits until it serves. */
  static async start(
    kind: "plain" | "shared",
    host: string,
    sock: string,
  ): Promise<HttpServiceProcess> {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", treePath("bench/support/http_service.ts")],
        ...[kind, host],
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
      const port = /^port (\d+)\n/.exec(text)?.[1];
      if (port !== undefined) {
        return new HttpServiceProcess(child, `http://${host}:${port}/`);
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
