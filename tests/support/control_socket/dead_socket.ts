import {
  bindSocket,
  listenOn,
  streamSocket,
} from "../../../ffi/sockets/socket.ts";
import type { UnixAddress } from "../../../ffi/sockets/socket_address.ts";

/** Leaves a socket at a path that no process listens on, as a crash does. */
export function leaveDeadSocket(path: string): void {
  const address: UnixAddress = { family: "unix", path };
  using socket = streamSocket(address);
  bindSocket(socket.fd, address);
  listenOn(socket.fd, 1);
}
