/**
 * A daemon that holds many sockets.
 *
 * @module
 */
import type { Session } from "../client.ts";

/** Different addresses, each with a port of its own: port 0 is one bind each. */
export async function hold(session: Session, count: number): Promise<void> {
  for (let index = 1; index <= count; index++) {
    const host = `127.${1 + (index >> 16)}.${(index >> 8) & 255}.${
      index & 255
    }`;
    using _socket = await session.bind(host, 0);
  }
}
