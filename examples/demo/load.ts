/**
 * Clients of a web service that send each request on a new connection.
 *
 * @module
 */

/** The result of all clients. */
export interface LoadResult {
  /** Time from the connect to the last byte of each answer, in ms. */
  latencies: number[];
  /** The error of each lost request. */
  losses: string[];
  /** The number of answers of each version. */
  answers: Map<string, number>;
}

const REQUEST = new TextEncoder().encode(
  "GET / HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n",
);

/**
 * Sends requests on `connections` connections until `signal` aborts.
 *
 * @param pause time between two requests of a connection, in ms
 */
export async function load(
  address: Deno.ConnectOptions,
  connections: number,
  signal: AbortSignal,
  pause = 0,
): Promise<LoadResult> {
  const result: LoadResult = { latencies: [], losses: [], answers: new Map() };
  const client = async () => {
    while (!signal.aborted) {
      const began = performance.now();
      try {
        const answer = await ask(address);
        result.latencies.push(performance.now() - began);
        result.answers.set(answer, (result.answers.get(answer) ?? 0) + 1);
      } catch (error) {
        result.losses.push(String(error));
      }
      if (pause > 0) await new Promise((wake) => setTimeout(wake, pause));
    }
  };
  await Promise.all(Array.from({ length: connections }, client));
  return result;
}

async function ask(address: Deno.ConnectOptions): Promise<string> {
  using connection = await Deno.connect(address);
  await connection.write(REQUEST);
  const [head = "", body = ""] = (await textOf(connection)).split("\r\n\r\n");
  if (!head.startsWith("HTTP/1.1 200 ")) {
    throw new Error(head === "" ? "closed unanswered" : head);
  }
  return body.trim();
}

async function textOf(connection: Deno.Conn): Promise<string> {
  const decoder = new TextDecoder();
  const bytes = new Uint8Array(1024);
  let text = "";
  while (true) {
    const length = await connection.read(bytes);
    if (length === null) return text;
    text += decoder.decode(bytes.subarray(0, length), { stream: true });
  }
}
