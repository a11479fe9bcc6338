import { type Address, hasHost } from "../../address.ts";
import type { SocketOptions } from "../../client/session/options.ts";
import { type Descriptor, duplicate } from "../../ffi/files/descriptor.ts";

/** Requests with the same identity get the same socket from the daemon. */
function identityOf(address: Address, options: SocketOptions): string {
  if (!hasHost(address)) return JSON.stringify([address.kind, address.path]);
  const { kind, host, port } = address;
  const v6only = options.v6only ?? address.v6only;
  const device = options.device ?? address.device ?? "";
  return JSON.stringify([kind, host, port, v6only, device]);
}

/** Our copies of the sockets of one HAProxy, in the order of its descriptors. */
export class Sockets implements Disposable {
  readonly #all: Descriptor[] = [];
  readonly #byIdentity = new Map<string, Descriptor>();

  /** Adds the socket for a request, which belongs to this list from then on. */
  add(address: Address, options: SocketOptions, socket: Descriptor): void {
    this.#all.push(socket);
    this.#byIdentity.set(identityOf(address, options), socket);
  }

  /** A copy of the socket for the same request, if there is one. */
  copyOf(address: Address, options: SocketOptions): Descriptor | undefined {
    const socket = this.#byIdentity.get(identityOf(address, options));
    return socket && duplicate(socket.fd);
  }

  /** Our descriptors; HAProxy has them at 3, 4, ... */
  get descriptors(): number[] {
    return this.#all.map(({ fd }) => fd);
  }

  /** Closes our copies. */
  [Symbol.dispose](): void {
    for (const socket of this.#all) socket.close();
  }
}
