/**
 * Clients that bind as fast as they can.
 *
 * @module
 */
import { bind } from "../../../client.ts";
import { socketOf } from "../binds/listening_socket.ts";
import { eventually, PATIENCE } from "../eventually.ts";

/** Clients at work. `await using` stops them. */
export class BindLoad implements AsyncDisposable {
  readonly #loops: Promise<void>[];
  #stopped = false;
  #failure: unknown;
  /** How many binds there were. */
  count = 0;
  /** Which sockets they got. */
  readonly sockets = new Set<string>();

  /** Starts `clients` of them, each bind on a new connection. */
  constructor(sock: string, clients: number, address = "127.0.0.1:0") {
    this.#loops = Array.from({ length: clients }, () => {
      return this.#run(sock, address);
    });
  }

  async #run(sock: string, address: string): Promise<void> {
    try {
      while (!this.#stopped) {
        using binding = await bind(address, { sock, timeout: PATIENCE });
        this.sockets.add(socketOf(binding));
        this.count++;
      }
    } catch (error) {
      this.#failure ??= error;
    }
  }

  /** Waits for so many more binds, none of which may fail. */
  async binds(more: number): Promise<void> {
    const enough = this.count + more;
    await eventually(`${more} more binds`, () => {
      if (this.#failure !== undefined) throw this.#failure;
      return this.count >= enough;
    });
  }

  /** Stops them; fails if a bind has failed. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
    if (this.#failure !== undefined) throw this.#failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }
}
