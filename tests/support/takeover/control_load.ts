/**
 * Clients of a control socket that open a connection for each request and do not
 * retry.
 *
 * @module
 */
import { RawConnection, requestText } from "../raw_connection.ts";
import { Repeated } from "../repeated.ts";

/** Running clients that bind one address repeatedly. `await using` stops them. */
export class ControlLoad extends Repeated {
  /** Starts `clients` clients. */
  constructor(sock: string, clients: number, address: string, port: number) {
    const request = requestText(1, "bind", [{ address, port }]);
    super(clients, async () => {
      using connection = RawConnection.open(sock);
      await connection.send(request);
      // Answers of the Ruby server have no newline.
      connection.endWriting();
      const line = await connection.next();
      const { result } = JSON.parse(line?.text ?? "{}");
      if (result !== true) throw new Error(`answered with ${line?.text}`);
    });
  }
}
