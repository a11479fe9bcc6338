/**
 * Clients that bind as fast as they can.
 *
 * @module
 */
import { bind } from "../../../client.ts";
import { socketOf } from "../binds/listening_socket.ts";
import { eventually, PATIENCE } from "../eventually.ts";

/** Running clients. `await using` stops them. */
export class BindLoad implements AsyncDisposable {
  readonly #loops: Promise<void>[];
  #stopped = false;
  #failure: unknown;
  /** The number of binds. */
  count = 0;
  /** The sockets that they got. */
  readonly sockets = new Set<string>();

  /** Starts `clients` clients that open a connection for each bind. */
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

  /** Waits for this many further binds; throws if one fails. */
  async binds(more: number): Promise<void> {
    const enough = this.count + more;
    await eventually(`${more} more binds`, () => {
      if (this.#failure !== undefined) throw this.#failure;
      return this.count >= enough;
    });
  }

  /** Stops them; throws if a bind has failed. */
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
