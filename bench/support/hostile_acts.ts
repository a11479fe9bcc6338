/**
 * Does one act of a hostile user until it is killed: `hostile_acts.ts SOCK ACT`.
 * Prints a line when it has begun.
 *
 * @module
 */

const [path = "", act = ""] = Deno.args;
const encoder = new TextEncoder();

function request(method: string, params?: unknown): string {
  return JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
}

const BIND = request("bind", [{ address: "127.0.0.1", port: 0 }]);

function connect(): Promise<Deno.UnixConn> {
  return Deno.connect({ transport: "unix", path });
}

async function write(connection: Deno.UnixConn, text: string): Promise<void> {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) {
    at += await connection.write(bytes.subarray(at));
  }
}

/** Sends the same text again and again. */
async function flood(text: string, reads: boolean): Promise<void> {
  const connection = await connect();
  // If the daemon drops the connection, write() fails too.
  if (reads) connection.readable.pipeTo(new WritableStream()).catch(() => {});
  while (true) await write(connection, text);
}

/** Runs an act on several connections. A refused or dropped one begins anew. */
function repeat(count: number, action: () => Promise<void>): void {
  for (let index = 0; index < count; index++) {
    (async () => {
      while (true) {
        await action().catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
  }
}

async function sendSlowly(): Promise<void> {
  using connection = await connect();
  while (true) {
    await write(connection, '{"a":"');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const ACTS: Record<string, () => void> = {
  connections: () =>
    repeat(20, async () => {
      (await connect()).close();
    }),
  lists: () =>
    repeat(10, () => flood(`[${Array(253).fill(request("list"))}]`, true)),
  unread: () =>
    repeat(50, () => flood(`[${Array(253).fill(BIND)}]${BIND}`, false)),
  slow: () => repeat(200, sendSlowly),
  huge: () =>
    repeat(10, () => flood(request("nothing", "x".repeat(60_000)), true)),
  log: () => repeat(10, () => flood(request("nothing").repeat(100), true)),
};

ACTS[act]!();
console.log("begun");
