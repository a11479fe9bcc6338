/**
 * Clients of a web service that count lost requests.
 *
 * @module
 */

/** The result of all clients. */
export interface LoadResult {
  /** Requests with a complete answer. */
  answered: number;
  /** The names of the services that answered. */
  names: Set<string>;
  /** Why requests were lost. */
  lost: string[];
  /**
   * Requests on a persistent connection that the server closed between two
   * requests, which it may do at any time (RFC 9112, 9.3 and 9.5). The client
   * repeated each on a new connection.
   */
  closedBetween: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A client with one connection. */
class Client implements Disposable {
  answers = 0;
  #text = "";

  constructor(readonly conn: Deno.Conn) {}

  /** The body of a response, or `undefined` if the connection ended before it. */
  async ask(persistent: boolean): Promise<string | undefined> {
    const connection = persistent ? "keep-alive" : "close";
    try {
      await this.conn.write(encoder.encode(
        `GET / HTTP/1.1\r\nHost: load\r\nConnection: ${connection}\r\n\r\n`,
      ));
      while (true) {
        const body = this.#take(false);
        if (body !== undefined) return body;
        const bytes = new Uint8Array(4096);
        const length = await this.conn.read(bytes);
        if (length === null) break;
        this.#text += decoder.decode(bytes.subarray(0, length));
      }
    } catch (error) {
      if (this.#text !== "" || !isReset(error)) throw error;
    }
    const last = this.#take(true);
    if (this.#text !== "") throw new Error(`cut short: ${this.#text}`);
    return last;
  }

  /** Whether the server keeps the connection open. */
  keepsOpen = true;

  /** The body of the next response, if it is complete. */
  #take(hasEnded: boolean): string | undefined {
    const end = this.#text.indexOf("\r\n\r\n");
    if (end === -1) return undefined;
    const head = this.#text.slice(0, end);
    const rest = this.#text.slice(end + 4);
    if (!head.startsWith("HTTP/1.1 200 ")) throw new Error(head);
    const body = bodyOf(head, rest, hasEnded);
    if (body === undefined) return undefined;
    this.keepsOpen = !hasEnded && !/^connection: close$/im.test(head);
    this.#text = "";
    this.answers++;
    return body;
  }

  [Symbol.dispose](): void {
    this.conn.close();
  }
}

/**
 * The body once it is complete: of a known length, in chunks, or up to the end of
 * the connection.
 */
function bodyOf(
  head: string,
  rest: string,
  hasEnded: boolean,
): string | undefined {
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  if (length !== undefined) {
    return rest.length >= Number(length) ? rest : undefined;
  }
  if (!/^transfer-encoding: chunked$/im.test(head)) {
    return hasEnded ? rest : undefined;
  }
  if (!rest.endsWith("0\r\n\r\n")) return undefined;
  return rest.split("\r\n")[1];
}

function isReset(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.BrokenPipe;
}

/** The result of clients that have not begun. */
export function nothingYet(): LoadResult {
  return { answered: 0, names: new Set(), lost: [], closedBetween: 0 };
}

/**
 * Sends requests from `clients` clients until `signal` aborts, and adds what
 * comes of them to `result`. Each client then sends one more on a new
 * connection: whatever serves by then has answered.
 */
export async function load(
  address: Deno.ConnectOptions,
  options: { clients: number; persistent: boolean; signal: AbortSignal },
  result = nothingYet(),
): Promise<LoadResult> {
  const { clients, persistent, signal } = options;
  await Promise.all(Array.from({ length: clients }, async () => {
    let isLast: boolean;
    do {
      isLast = signal.aborted;
      try {
        await useConnection(address, persistent, signal, result);
      } catch (error) {
        result.lost.push(String(error));
      }
    } while (!isLast);
  }));
  return result;
}

/** Sends requests on one connection until it ends. */
async function useConnection(
  address: Deno.ConnectOptions,
  persistent: boolean,
  signal: AbortSignal,
  result: LoadResult,
): Promise<void> {
  using client = new Client(await Deno.connect(address));
  do {
    const body = await client.ask(persistent);
    if (body === undefined) {
      if (client.answers === 0) throw new Error("closed unanswered");
      result.closedBetween++;
      return;
    }
    result.answered++;
    result.names.add(body);
  } while (persistent && client.keepsOpen && !signal.aborted);
}
