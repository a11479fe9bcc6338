import {
  bindSocket,
  listenOn,
  streamSocket,
} from "../../../ffi/sockets/socket.ts";
import type { UnixAddress } from "../../../ffi/sockets/socket_address.ts";

/** A socket at a path that nobody listens on any more, as a crash leaves it. */
export function leaveDeadSocket(path: string): void {
  const address: UnixAddress = { family: "unix", path };
  using socket = streamSocket(address);
  bindSocket(socket.fd, address);
  listenOn(socket.fd, 1);
}
