/**
 * Connections that outlast a reload: tunnels, a download in pieces, and a
 * connection that is idle between two requests.
 *
 * @module
 */
import { bind } from "../../../client.ts";
import type { Daemon } from "../daemon.ts";
import { within } from "../program.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The hosts that the sections bind: for each, port 0 is another port. */
const TUNNEL = "127.0.0.2";
const DOWNLOAD = "127.0.0.3";

/** The server behind the tunnels and the download. `await using` stops it. */
export class Origin implements AsyncDisposable {
  readonly #echo = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #pieces: Deno.HttpServer<Deno.NetAddr>;
  #send: ((piece: string) => void) | undefined;
  #end: (() => void) | undefined;

  constructor() {
    this.#pieces = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => new Response(this.#download()),
    );
    this.#answerTunnels();
  }

  #download(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream({
      start: (controller) => {
        this.#send = (piece) => controller.enqueue(encoder.encode(piece));
        this.#end = () => controller.close();
        this.#send("begun;");
      },
    });
  }

  async #answerTunnels(): Promise<void> {
    for await (const connection of this.#echo) {
      connection.readable.pipeTo(connection.writable).catch(() => {
        // The other end of a tunnel that was cut reports it.
      });
    }
  }

  /** The sections of a configuration that forward to it. */
  get sections(): string {
    const { port } = this.#echo.addr as Deno.NetAddr;
    return `
frontend tunnel
  mode tcp
  bind <%= bind_tcp('${TUNNEL}', 0) %>
  default_backend echo

backend echo
  mode tcp
  server echo 127.0.0.1:${port}

frontend download
  bind <%= bind_tcp('${DOWNLOAD}', 0) %>
  default_backend pieces

backend pieces
  server pieces 127.0.0.1:${this.#pieces.addr.port}
`;
  }

  /** Sends one more piece of the download. */
  send(piece: string): void {
    this.#send!(piece);
  }

  /** Ends the download. */
  endDownload(): void {
    this.#end!();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#echo.close();
    await this.#pieces.shutdown();
  }
}

async function portBehind(host: string, { sock }: Daemon): Promise<number> {
  using socket = await bind(host, 0, { sock });
  return (socket.addr as Deno.NetAddr).port;
}

/** A connection through HAProxy in TCP mode. */
export class Tunnel implements Disposable {
  private constructor(readonly connection: Deno.Conn) {}

  /** Makes one, and sees that it leads somewhere. */
  static async open(daemon: Daemon): Promise<Tunnel> {
    const port = await portBehind(TUNNEL, daemon);
    const tunnel = new Tunnel(await Deno.connect({ hostname: TUNNEL, port }));
    await tunnel.echo("hello");
    return tunnel;
  }

  /** Sends a text and waits until it has come back. */
  async echo(text: string): Promise<void> {
    await this.connection.write(encoder.encode(text));
    let back = "";
    while (back.length < text.length) {
      const bytes = new Uint8Array(1024);
      const length = await within(this.connection.read(bytes), "an echo");
      if (length === null) throw new Error(`cut after "${back}"`);
      back += decoder.decode(bytes.subarray(0, length));
    }
    if (back !== text) throw new Error(`"${back}" came back for "${text}"`);
  }

  [Symbol.dispose](): void {
    this.connection.close();
  }
}

/** Begins the download: its whole text, when it has ended. */
export async function startDownload(
  daemon: Daemon,
): Promise<{ text: Promise<string> }> {
  const port = await portBehind(DOWNLOAD, daemon);
  // HAProxy waits for the next request on a connection that is kept.
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const response = await fetch(`http://${DOWNLOAD}:${port}`, { client });
  return { text: response.text() };
}

/** A connection on which one request was answered, and another may follow. */
export class RestingConnection implements Disposable {
  private constructor(readonly connection: Deno.Conn) {}

  static async open(port: number): Promise<RestingConnection> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const resting = new RestingConnection(connection);
    if (await resting.ask() !== "answered") throw new Error("closed at once");
    return resting;
  }

  /** Asks: answered, or closed without a beginning of an answer. */
  async ask(): Promise<"answered" | "closed"> {
    let text = "";
    try {
      await this.connection.write(
        encoder.encode("GET / HTTP/1.1\r\nHost: test\r\n\r\n"),
      );
      const bytes = new Uint8Array(4096);
      while (!/\r\n\r\n.*\d\s*$/s.test(text)) {
        const length = await within(this.connection.read(bytes), "an answer");
        if (length === null) break;
        text += decoder.decode(bytes.subarray(0, length));
      }
    } catch (error) {
      // What was closed before we asked is reset when we do.
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
    }
    if (text === "") return "closed";
    if (!text.startsWith("HTTP/1.1 200 ")) throw new Error(`cut: ${text}`);
    return "answered";
  }

  [Symbol.dispose](): void {
    this.connection.close();
  }
}
