/**
 * Many connections to the control socket.
 *
 * @module
 */
import { RawConnection } from "../raw_connection.ts";

/** Connections, in the order in which they were opened. `using` closes all of them. */
export class Connections implements Disposable {
  readonly all: RawConnection[] = [];

  /** Opens `count` of them. */
  constructor(readonly sock: string, count = 0) {
    while (this.all.length < count) this.open();
  }

  /** Opens one more. */
  open(): RawConnection {
    const connection = RawConnection.open(this.sock);
    this.all.push(connection);
    return connection;
  }

  [Symbol.dispose](): void {
    for (const connection of this.all) connection[Symbol.dispose]();
  }
}
