import { type Address, hasHost } from "../address.ts";
import type { SocketOptions } from "../client/options.ts";
import { type Descriptor, duplicate } from "../ffi/descriptor.ts";

/** What makes two requests the same socket of the daemon's. */
function identityOf(address: Address, options: SocketOptions): string {
  if (!hasHost(address)) return JSON.stringify([address.kind, address.path]);
  const { kind, host, port } = address;
  const v6only = options.v6only ?? address.v6only;
  const device = options.device ?? address.device ?? "";
  return JSON.stringify([kind, host, port, v6only, device]);
}

/** Our copies of the sockets that one HAProxy has, in the order of its numbers. */
export class Sockets implements Disposable {
  readonly #all: Descriptor[] = [];
  readonly #byIdentity = new Map<string, Descriptor>();

  /** Takes over the socket that stands for a request. */
  add(address: Address, options: SocketOptions, socket: Descriptor): void {
    this.#all.push(socket);
    this.#byIdentity.set(identityOf(address, options), socket);
  }

  /** A copy of the socket that stands for such a request, if there is one. */
  copyOf(address: Address, options: SocketOptions): Descriptor | undefined {
    const socket = this.#byIdentity.get(identityOf(address, options));
    return socket && duplicate(socket.fd);
  }

  /** Our descriptors; the first is 3 in HAProxy, the next 4, and so on. */
  get descriptors(): number[] {
    return this.#all.map(({ fd }) => fd);
  }

  /** Closes our copies. */
  [Symbol.dispose](): void {
    for (const socket of this.#all) socket.close();
  }
}
