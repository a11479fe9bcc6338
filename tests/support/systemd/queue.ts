/**
 * Clients that connect to a port on which nobody accepts, and their service.
 *
 * @module
 */
import { createServer } from "node:net";
import type { Binding } from "../../../client.ts";
import { eventually } from "../eventually.ts";

/** Fewer than the backlog of a bind: nobody is kept from the queue. */
const MOST = 500;

/** Clients that go on to connect and wait. `await using` hangs up. */
export class Queue implements AsyncDisposable {
  readonly #port: number;
  readonly #clients: Deno.TcpConn[] = [];
  readonly #loop: Promise<void>;
  #stopped = false;
  #failure: unknown;

  /** Begins to connect. */
  constructor(port: number) {
    this.#port = port;
    this.#loop = this.#connect();
  }

  async #connect(): Promise<void> {
    try {
      while (!this.#stopped && this.#clients.length < MOST) {
        await this.join();
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } catch (error) {
      this.#failure = error;
    }
  }

  /** One client more. */
  async join(): Promise<void> {
    const address = { hostname: "127.0.0.1", port: this.#port };
    this.#clients.push(await Deno.connect(address));
  }

  /** How many have connected. */
  get length(): number {
    return this.#clients.length;
  }

  /** Waits until so many more have connected. */
  async grows(by: number): Promise<void> {
    const enough = Math.min(MOST, this.length + by);
    await eventually(`${by} more clients`, () => {
      if (this.#failure !== undefined) throw this.#failure;
      return this.length >= enough;
    });
  }

  /** Stops connecting, accepts on the socket and has every client answered. */
  async serve(binding: Binding, answer: string): Promise<string[]> {
    this.#stopped = true;
    await this.#loop;
    if (this.#failure !== undefined) throw this.#failure;
    const server = createServer((connection) => connection.end(answer));
    server.listen({ fd: binding.dup() });
    try {
      return await Promise.all(
        this.#clients.map(({ readable }) => new Response(readable).text()),
      );
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#loop;
    for (const client of this.#clients) {
      try {
        client.close();
      } catch {
        // Its stream was read to the end and closed it.
      }
    }
  }
}

/** 127.0.0.1 as /proc has it. */
const LOOPBACK = "0100007F";

/** How many sockets listen on a port of 127.0.0.1 (proc_pid_net(5)). */
export async function listenersOn(port: number): Promise<number> {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const table = await Deno.readTextFile("/proc/net/tcp");
  return [...table.matchAll(/^ *\d+: (\S+) \S+ 0A /gm)]
    .filter((line) => line[1] === `${LOOPBACK}:${hex}`).length;
}
