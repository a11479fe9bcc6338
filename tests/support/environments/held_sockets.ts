import { assertEquals } from "@std/assert";
import { bindAll } from "../../../client.ts";
import { socketOf } from "../binds/listening_socket.ts";
import { RawConnection, requestText } from "../raw_connection.ts";

const REQUEST = requestText("half", "status");

/** Sockets and a half request of a daemon, which every generation has to keep. */
export class HeldSockets implements Disposable {
  readonly #sock: string;
  readonly #addresses: readonly string[];
  readonly #client: RawConnection;
  #sockets: readonly string[] = [];

  private constructor(sock: string) {
    this.#sock = sock;
    this.#addresses = ["127.0.0.1:0", "udp://[::1]:0", `unix:${sock}.held`];
    this.#client = RawConnection.open(sock);
  }

  /** Binds sockets and sends the first bytes of a request. */
  static async of({ sock }: { sock: string }): Promise<HeldSockets> {
    const held = new HeldSockets(sock);
    held.#sockets = await held.#bind();
    await held.#client.send(REQUEST.slice(0, 10));
    return held;
  }

  async #bind(): Promise<string[]> {
    const held = await bindAll([...this.#addresses], { sock: this.#sock });
    const sockets = held.map(socketOf);
    for (const each of held) each.close();
    return sockets;
  }

  /** Asserts that a bind gets the same sockets. */
  async assertKept(): Promise<void> {
    assertEquals(await this.#bind(), this.#sockets);
  }

  /** Asserts that the request is answered once it is complete. */
  async assertAnswered(): Promise<void> {
    await this.#client.send(REQUEST.slice(10));
    assertEquals((await this.#client.answer()).id, "half");
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}
