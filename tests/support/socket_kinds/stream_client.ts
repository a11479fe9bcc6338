import type { Descriptor } from "../../../ffi/files/descriptor.ts";
import { waitReady } from "../../../ffi/files/readiness.ts";
import {
  receive,
  send,
  streamSocket,
  tryConnect,
} from "../../../ffi/sockets/socket.ts";
import { PATIENCE } from "../eventually.ts";

/** Sends a line to a UNIX stream socket. Returns the first answer. */
export async function firstAnswer(path: string, text: string): Promise<string> {
  const address = { family: "unix", path } as const;
  using socket: Descriptor = streamSocket(address);
  const errno = tryConnect(socket.fd, address);
  if (errno !== 0) throw new Error(`connect ${path}: errno ${errno}`);
  send(socket.fd, new TextEncoder().encode(text));
  const room = new Uint8Array(1024);
  if (!await waitReady(socket.fd, "read", PATIENCE)) {
    throw new Error(`no answer from ${path}`);
  }
  return new TextDecoder().decode(room.subarray(0, receive(socket.fd, room)));
}
