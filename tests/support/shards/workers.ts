/**
 * Workers that serve a shard each, under load, as a supervisor grows and shrinks them.
 *
 * @module
 */
import { createServer, type Server } from "node:net";
import { connect } from "../../../client.ts";
import { eventually } from "../eventually.ts";
import type { Group } from "./group.ts";

/** Workers with clients that connect all the time. `await using` stops both. */
export class Workers implements AsyncDisposable {
  readonly #servers: Server[] = [];
  readonly #clients: Promise<void>[] = [];
  #stopped = false;
  #failure: unknown;
  #count = 0;

  constructor(readonly group: Group) {}

  /** How many there are. */
  get size(): number {
    return this.#servers.length;
  }

  /** Starts the first worker and clients that connect to the address. */
  async start(clients: number): Promise<void> {
    await this.group.bind(0, 1);
    this.#serve(0);
    for (let each = 0; each < clients; each++) this.#clients.push(this.#run());
  }

  #serve(shard: number): void {
    const server = createServer((connection) => {
      connection.on("error", () => {});
      connection.end("served");
    });
    server.listen({ fd: this.group.at(shard).dup() });
    this.#servers.push(server);
  }

  async #run(): Promise<void> {
    const address = { hostname: "127.0.0.1", port: this.group.port };
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

  /** Adds a worker: its socket gets connections once it is ready. */
  async grow(): Promise<void> {
    const { size, group } = this;
    await group.bind(size, size);
    await this.connections(20);
    this.#serve(size);
    await group.bind(size, size + 1);
  }

  /** Removes the last worker, once its queue is empty. */
  async shrink(): Promise<void> {
    const { group } = this;
    const last = this.size - 1;
    await group.bind(0, last);
    await this.connections(20);
    await eventually(
      `no connection waits at shard ${last}`,
      () => group.waiting()[last] === 0,
    );
    const server = this.#servers.pop()!;
    await new Promise((resolve) => server.close(resolve));
    group.close(last);
    using session = await connect({ sock: group.sock });
    await session.release(group.address, { shard: last });
  }

  /** Stops the clients; throws if one was refused or not answered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#clients);
    if (this.#failure !== undefined) throw this.#failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    for (const server of this.#servers) server.close();
    await Promise.all(this.#clients);
  }
}
