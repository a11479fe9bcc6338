/**
 * Clients of a web service that take note of every request that is lost.
 *
 * @module
 */

/** What all clients together saw. */
export interface LoadResult {
  /** Requests that were answered in full. */
  answered: number;
  /** Who answered. */
  names: Set<string>;
  /** Why requests were lost. */
  lost: string[];
  /**
   * Requests that met the end of a connection on which others were answered
   * before: a server may close a connection between two requests at any time,
   * a client has to expect it and may repeat what is idempotent (RFC 9112, 9.3
   * and 9.5). Each was repeated on a new connection.
   */
  closedBetween: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A connection and what was answered on it. */
class Client implements Disposable {
  answers = 0;
  #text = "";

  constructor(readonly conn: Deno.Conn) {}

  /** The body of an answer, or `undefined` if the server ended before it began. */
  async ask(persistent: boolean): Promise<string | undefined> {
    const connection = persistent ? "keep-alive" : "close";
    try {
      await this.conn.write(encoder.encode(
        `GET / HTTP/1.1\r\nHost: load\r\nConnection: ${connection}\r\n\r\n`,
      ));
      while (true) {
        const body = this.#take();
        if (body !== undefined) return body;
        const bytes = new Uint8Array(4096);
        const length = await this.conn.read(bytes);
        if (length === null) break;
        this.#text += decoder.decode(bytes.subarray(0, length));
      }
    } catch (error) {
      if (this.#text !== "" || !isReset(error)) throw error;
    }
    if (this.#text !== "") throw new Error(`cut short: ${this.#text}`);
    return undefined;
  }

  /** Whether the server said that it goes on. */
  goesOn = true;

  #take(): string | undefined {
    const end = this.#text.indexOf("\r\n\r\n");
    if (end === -1) return undefined;
    const head = this.#text.slice(0, end);
    const rest = this.#text.slice(end + 4);
    if (!head.startsWith("HTTP/1.1 200 ")) throw new Error(head);
    const body = bodyOf(head, rest);
    if (body === undefined) return undefined;
    this.goesOn = !/^connection: close$/im.test(head);
    this.#text = "";
    this.answers++;
    return body;
  }

  [Symbol.dispose](): void {
    this.conn.close();
  }
}

/** The whole body, once it is there, of a known length or in chunks. */
function bodyOf(head: string, rest: string): string | undefined {
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  if (length !== undefined) {
    return rest.length >= Number(length) ? rest : undefined;
  }
  if (!rest.endsWith("0\r\n\r\n")) return undefined;
  return rest.split("\r\n")[1];
}

function isReset(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.BrokenPipe;
}

/** Keeps `clients` requests under way until `signal` aborts. */
export async function load(
  port: number,
  options: { clients: number; persistent: boolean; signal: AbortSignal },
): Promise<LoadResult> {
  const { clients, persistent, signal } = options;
  const result: LoadResult = {
    answered: 0,
    names: new Set(),
    lost: [],
    closedBetween: 0,
  };
  await Promise.all(Array.from({ length: clients }, async () => {
    while (!signal.aborted) {
      try {
        await useConnection(port, persistent, signal, result);
      } catch (error) {
        result.lost.push(String(error));
      }
    }
  }));
  return result;
}

/** Asks on one connection as long as it lasts. */
async function useConnection(
  port: number,
  persistent: boolean,
  signal: AbortSignal,
  result: LoadResult,
): Promise<void> {
  using client = new Client(await Deno.connect({ port }));
  do {
    const body = await client.ask(persistent);
    if (body === undefined) {
      if (client.answers === 0) throw new Error("closed unanswered");
      result.closedBetween++;
      return;
    }
    result.answered++;
    result.names.add(body);
  } while (persistent && client.goesOn && !signal.aborted);
}
