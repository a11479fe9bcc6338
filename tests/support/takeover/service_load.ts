/**
 * A service on a held address, and clients that connect to it.
 *
 * @module
 */
import { createServer, type Server } from "node:net";
import type { Binding } from "../../../client.ts";
import { tcpAddress } from "../binds/listening_socket.ts";
import { Repeated } from "../repeated.ts";

/** A running service with clients. `await using` stops them. */
export class ServiceLoad extends Repeated {
  readonly #servers: Server[] = [];

  /** Serves on the socket and starts clients that connect to it. */
  constructor(binding: Binding, clients: number) {
    const address = tcpAddress(binding);
    super(clients, async () => {
      const { readable } = await Deno.connect(address);
      const answer = await new Response(readable).text();
      if (answer !== "served") throw new Error(`answered with ${answer}`);
    });
    this.serve(binding);
  }

  /** On how many sockets it serves. */
  get size(): number {
    return this.#servers.length;
  }

  /** Serves on one more socket of the address. */
  serve(binding: Binding): void {
    const server = createServer((connection) => {
      connection.on("error", () => {});
      connection.end("served");
    });
    server.listen({ fd: binding.dup() });
    this.#servers.push(server);
  }

  /** Ends to serve on the socket that came last. */
  async leave(): Promise<void> {
    const server = this.#servers.pop();
    await new Promise((resolve) => server?.close(resolve));
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    while (this.size > 0) await this.leave();
  }
}
