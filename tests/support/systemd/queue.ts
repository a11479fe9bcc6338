/**
 * Clients that connect to a port on which no process accepts, and their service.
 *
 * @module
 */
import { createServer } from "node:net";
import type { Binding } from "../../../client.ts";
import { eventually } from "../eventually.ts";

/** Fewer than the default backlog: the queue does not fill up. */
const MOST = 500;

/** Clients that connect and wait. `await using` disconnects them. */
export class Queue implements AsyncDisposable {
  readonly #port: number;
  readonly #clients: Deno.TcpConn[] = [];
  readonly #loop: Promise<void>;
  #stopped = false;
  #failure: unknown;

  /** Starts connecting. */
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

  /** Connects another client. */
  async join(): Promise<void> {
    const address = { hostname: "127.0.0.1", port: this.#port };
    this.#clients.push(await Deno.connect(address));
  }

  /** Number of connected clients. */
  get length(): number {
    return this.#clients.length;
  }

  /** Waits until this many further clients have connected. */
  async grows(by: number): Promise<void> {
    const enough = Math.min(MOST, this.length + by);
    await eventually(`${by} more clients`, () => {
      if (this.#failure !== undefined) throw this.#failure;
      return this.length >= enough;
    });
  }

  /** Stops connecting, accepts on the socket and answers every client. */
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
        // Reading to the end has closed the connection.
      }
    }
  }
}

/** 127.0.0.1 in the format of /proc. */
const LOOPBACK = "0100007F";

/** Number of sockets that listen on a port of 127.0.0.1 (proc_pid_net(5)). */
export async function listenersOn(port: number): Promise<number> {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const table = await Deno.readTextFile("/proc/net/tcp");
  return [...table.matchAll(/^ *\d+: (\S+) \S+ 0A /gm)]
    .filter((line) => line[1] === `${LOOPBACK}:${hex}`).length;
}
