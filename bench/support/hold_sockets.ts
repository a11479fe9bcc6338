import type { Session } from "../../client.ts";

/**
 * Has the daemon hold the sockets number `from` to `to`: each on an address of
 * its own in 127.0.0.0/8, at a port that the kernel chooses.
 */
export async function holdSockets(
  session: Session,
  from: number,
  to: number,
): Promise<void> {
  for (let number = from; number <= to; number++) {
    const host = [127, 1 + (number >> 16), (number >> 8) & 255, number & 255];
    using _socket = await session.bind(host.join("."), 0);
  }
}
