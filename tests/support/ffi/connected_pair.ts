import { Descriptor } from "../../../ffi/files/descriptor.ts";
import { OsError } from "../../../ffi/libc/errno.ts";
import {
  acceptConnection,
  bindSocket,
  listenOn,
  streamSocket,
  tryConnect,
} from "../../../ffi/sockets/socket.ts";
import type { UnixAddress } from "../../../ffi/sockets/socket_address.ts";

/** Two ends of a UNIX connection, both non-blocking. */
export interface ConnectedPair extends Disposable {
  readonly near: Descriptor;
  readonly far: Descriptor;
}

/** Connects two sockets of this process. */
export function connectedPair(): ConnectedPair {
  const path = `@multibinder-${crypto.randomUUID()}`;
  const address: UnixAddress = { family: "unix", path };
  using listener = streamSocket(address, { nonblocking: true });
  bindSocket(listener.fd, address);
  listenOn(listener.fd, 1);
  const near = streamSocket(address, { nonblocking: true });
  const errno = tryConnect(near.fd, address);
  if (errno !== 0) throw new OsError("connect", errno, path);
  const far = new Descriptor(acceptConnection(listener.fd));
  return {
    near,
    far,
    [Symbol.dispose]() {
      near.close();
      far.close();
    },
  };
}
