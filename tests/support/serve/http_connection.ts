/**
 * An HTTP/1.1 client that lets a test choose which bytes to send when.
 *
 * @module
 */
import type { Binding } from "../../../client.ts";
import { within } from "../program.ts";
import { connectTo } from "./sockets.ts";

const encoder = new TextEncoder();

/** A connection. `using` closes it. */
export class HttpConnection implements Disposable {
  readonly #conn: Deno.Conn;
  readonly #decoder = new TextDecoder();
  #text = "";

  private constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** Connects. */
  static async open(binding: Binding): Promise<HttpConnection> {
    return new HttpConnection(await connectTo(binding));
  }

  /** The local address of the connection. */
  get localAddr(): Deno.Addr {
    return this.#conn.localAddr;
  }

  /** Sends a text. */
  async send(text: string): Promise<void> {
    let rest = encoder.encode(text);
    while (rest.length > 0) {
      rest = rest.subarray(await this.#conn.write(rest));
    }
  }

  /** Sends a chunk of a chunked body. The last chunk is empty. */
  async sendChunk(text: string): Promise<void> {
    await this.send(`${text.length.toString(16)}\r\n${text}\r\n`);
  }

  /** Reads up to and including `part`. */
  async until(part: string): Promise<string> {
    while (!this.#text.includes(part)) {
      if (!await this.#more()) {
        throw new Error(`ended without "${part}": ${this.#text}`);
      }
    }
    const end = this.#text.indexOf(part) + part.length;
    const taken = this.#text.slice(0, end);
    this.#text = this.#text.slice(end);
    return taken;
  }

  /** Reads until the server closes the connection. */
  async rest(): Promise<string> {
    while (await this.#more());
    return this.#text;
  }

  async #more(): Promise<boolean> {
    const bytes = new Uint8Array(16 * 1024);
    const length = await within(
      this.#conn.read(bytes),
      () => `more than: ${this.#text}`,
    );
    if (length === null) return false;
    this.#text += this.#decoder.decode(bytes.subarray(0, length), {
      stream: true,
    });
    return true;
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }
}

/** Requests a path on a new connection and returns the response. */
export async function get(
  binding: Binding,
  target = "/",
  headers = "Host: test\r\n",
): Promise<{ head: string; body: string }> {
  using connection = await HttpConnection.open(binding);
  await connection.send(
    `GET ${target} HTTP/1.1\r\n${headers}Connection: close\r\n\r\n`,
  );
  const text = await connection.rest();
  const [head = "", ...body] = text.split("\r\n\r\n");
  return { head, body: dechunked(head, body.join("\r\n\r\n")) };
}

function dechunked(head: string, body: string): string {
  if (!/^transfer-encoding: chunked$/im.test(head)) return body;
  let text = "";
  for (let rest = body;;) {
    const end = rest.indexOf("\r\n");
    const length = parseInt(rest.slice(0, end), 16);
    if (!(length > 0)) return text;
    text += rest.slice(end + 2, end + 2 + length);
    rest = rest.slice(end + 2 + length + 2);
  }
}
