/** Clients of a web service that make a connection for each request. */
import { timed } from "./measure.ts";

const REQUEST = new TextEncoder().encode(
  "GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n",
);

/** Results of all clients. */
export interface Requests {
  /** From the start of the connection to its end, in ms. */
  latencies: number[];
  /** Requests without a complete answer. */
  lost: number;
}

/** A load on a service that answers "hello". */
export interface ClientLoad {
  hostname: string;
  port: number;
  /** Number of clients that send requests at the same time. */
  clients: number;
  /** Pause of a client between two requests, in ms. @default 0 */
  pause?: number;
}

async function request({ hostname, port }: ClientLoad): Promise<void> {
  using connection = await Deno.connect({ hostname, port });
  await connection.write(REQUEST);
  let answer = "";
  const bytes = new Uint8Array(4096);
  const decoder = new TextDecoder();
  for (;;) {
    const length = await connection.read(bytes);
    if (length === null) break;
    answer += decoder.decode(bytes.subarray(0, length));
  }
  if (!answer.trimEnd().endsWith("hello")) {
    throw new Error(`answer: ${answer}`);
  }
}

/** Sends requests from all clients until `work` ends. */
export async function requestDuring(
  load: ClientLoad,
  work: () => Promise<unknown>,
): Promise<Requests> {
  const { clients, pause = 0 } = load;
  const requests: Requests = { latencies: [], lost: 0 };
  let isOver = false;
  const running = Array.from({ length: clients }, async () => {
    while (!isOver) {
      try {
        requests.latencies.push(await timed(() => request(load)));
      } catch {
        requests.lost++;
      }
      if (pause > 0) await wait(pause);
    }
  });
  try {
    await work();
  } finally {
    isOver = true;
    await Promise.all(running);
  }
  return requests;
}

/** Resolves after `ms`. */
export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
