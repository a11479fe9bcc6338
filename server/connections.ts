import type { Connection } from "./connection.ts";

/**
 * The connected clients by their descriptor. Not a Map: the kernel gives the
 * lowest free number, so the same one comes and goes again and again, and what
 * V8's Map keeps of each deletion lies in the way of the next lookup until the
 * table is made anew, which among 5,000 clients takes thousands of them.
 */
export class Connections implements Iterable<Connection> {
  readonly #byDescriptor: (Connection | undefined)[] = [];
  #size = 0;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** The one with that descriptor. */
  get(fd: number): Connection | undefined {
    return this.#byDescriptor[fd];
  }

  /** Takes in a client whose descriptor is nobody else's. */
  add(connection: Connection): void {
    const { fd } = connection;
    // Without a gap: V8 would make a dictionary of the array.
    while (this.#byDescriptor.length <= fd) this.#byDescriptor.push(undefined);
    this.#byDescriptor[fd] = connection;
    this.#size++;
  }

  /** Forgets a client that is still open. */
  delete({ fd }: Connection): void {
    if (this.#byDescriptor[fd] === undefined) return;
    this.#byDescriptor[fd] = undefined;
    this.#size--;
  }

  /** In the order of their descriptors. */
  *[Symbol.iterator](): Iterator<Connection> {
    for (const connection of this.#byDescriptor) {
      if (connection !== undefined) yield connection;
    }
  }

  /** Closes every one. */
  close(): void {
    for (const connection of this) connection.close();
    this.#byDescriptor.length = 0;
    this.#size = 0;
  }
}
