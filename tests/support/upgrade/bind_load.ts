/**
 * Clients that bind as fast as they can.
 *
 * @module
 */
import { bind } from "../../../client.ts";
import { socketOf } from "../binds/listening_socket.ts";
import { PATIENCE } from "../eventually.ts";
import { Repeated } from "../repeated.ts";

/** Running clients. `await using` stops them. */
export class BindLoad extends Repeated {
  /** The sockets that they got. */
  readonly sockets: Set<string>;

  /** Starts `clients` clients that open a connection for each bind. */
  constructor(sock: string, clients: number, address = "127.0.0.1:0") {
    const sockets = new Set<string>();
    super(clients, async () => {
      using binding = await bind(address, { sock, timeout: PATIENCE });
      sockets.add(socketOf(binding));
    });
    this.sockets = sockets;
  }
}
