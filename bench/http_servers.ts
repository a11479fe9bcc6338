/**
 * HTTP servers as processes of their own, on a socket that outlives them.
 *
 * @module
 */
import { Binding } from "../client.ts";
import { bindSocket, listenOn, streamSocket } from "../ffi/sockets/socket.ts";
import { treePath } from "./programs.ts";

/** How a server comes to its socket; see http_service.ts. */
export type Way = "plain" | "adopted";

const BACKLOG = 1000;

/** A listening socket at a free port of 127.0.0.1. */
export function listeningSocket(): Binding {
  const address = { family: "ipv4", host: "127.0.0.1", port: 0 } as const;
  using socket = streamSocket(address);
  bindSocket(socket.fd, address);
  listenOn(socket.fd, BACKLOG);
  const binding = Binding.from(socket.fd);
  socket.release();
  return binding;
}

/** A server that serves. Disposing of it ends it. */
export class HttpService implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  /** Where it serves. */
  readonly url: string;

  private constructor(child: Deno.ChildProcess, port: number) {
    this.#child = child;
    this.url = `http://127.0.0.1:${port}/`;
  }

  /** Starts one and waits until it serves. */
  static async start(way: Way, socket?: Binding): Promise<HttpService> {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", treePath("bench/http_service.ts"), way],
        ...(socket ? [`${socket.fd}`] : []),
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    let text = "";
    for await (
      const part of child.stdout.pipeThrough(new TextDecoderStream())
    ) {
      text += part;
      const port = /^port (\d+)\n/.exec(text)?.[1];
      if (port !== undefined) return new HttpService(child, Number(port));
    }
    const { code } = await child.status;
    throw new Error(`the ${way} service ended with status ${code}`);
  }

  /** Ends it when every request is answered. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
  }
}
