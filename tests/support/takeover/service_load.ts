/**
 * A service on a held port, and clients that connect to it.
 *
 * @module
 */
import { createServer, type Server } from "node:net";
import type { Binding } from "../../../client.ts";
import { tcpAddress } from "../binds/listening_socket.ts";
import { eventually } from "../eventually.ts";

/** A running service with clients. `await using` stops them. */
export class ServiceLoad implements AsyncDisposable {
  readonly #server: Server;
  readonly #loops: Promise<void>[];
  #stopped = false;
  #failure: unknown;
  #count = 0;

  /** Serves on the socket and starts clients that connect to it. */
  constructor(binding: Binding, clients: number) {
    this.#server = createServer((connection) => {
      connection.on("error", () => {});
      connection.end("served");
    });
    this.#server.listen({ fd: binding.dup() });
    const address = tcpAddress(binding);
    this.#loops = Array.from({ length: clients }, () => this.#run(address));
  }

  async #run(address: { hostname: string; port: number }): Promise<void> {
    try {
      while (!this.#stopped) {
        const { readable } = await Deno.connect(address);
        const answer = await new Response(readable).text();
        if (answer !== "served") throw new Error(`answered with ${answer}`);
        this.#count++;
      }
    } catch (error) {
      this.#failure ??= error;
    }
  }

  /** Waits for this many further connections; throws if one fails. */
  async connections(more: number): Promise<void> {
    const enough = this.#count + more;
    await eventually(`${more} more connections`, () => {
      if (this.#failure !== undefined) throw this.#failure;
      return this.#count >= enough;
    });
  }

  /** Stops the clients; throws if one was refused or not answered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
    if (this.#failure !== undefined) throw this.#failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
