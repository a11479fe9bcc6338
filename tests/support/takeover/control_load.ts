/**
 * Clients of a control socket that open a connection for each request and do not
 * retry.
 *
 * @module
 */
import { eventually } from "../eventually.ts";
import { RawConnection, requestText } from "../raw_connection.ts";

/** Running clients. `await using` stops them. */
export class ControlLoad implements AsyncDisposable {
  readonly #loops: Promise<void>[];
  #stopped = false;
  #failure: unknown;
  #count = 0;

  /** Starts `clients` clients that bind one address repeatedly. */
  constructor(sock: string, clients: number, address: string, port: number) {
    const request = requestText(1, "bind", [{ address, port }]);
    this.#loops = Array.from(
      { length: clients },
      () => this.#run(sock, request),
    );
  }

  async #run(sock: string, request: string): Promise<void> {
    try {
      while (!this.#stopped) {
        using connection = RawConnection.open(sock);
        await connection.send(request);
        // Answers of the Ruby server have no newline.
        connection.endWriting();
        const line = await connection.next();
        const { result } = JSON.parse(line?.text ?? "{}");
        if (result !== true) throw new Error(`answered with ${line?.text}`);
        this.#count++;
      }
    } catch (error) {
      this.#failure ??= error;
    }
  }

  /** Waits for this many further answers. */
  async answers(more: number): Promise<void> {
    const enough = this.#count + more;
    await eventually(`${more} more answers`, () => {
      if (this.#failure !== undefined) throw this.#failure;
      return this.#count >= enough;
    });
  }

  /** Stops them; throws if one could not connect or got no answer. */
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
