import type { Descriptor } from "../../ffi/files/descriptor.ts";

/**
 * A descriptor with several owners: the table of binds and each queued answer
 * that carries it. The last owner closes it. Otherwise an answer that is queued
 * during a release could carry another file with the same number.
 */
export class SharedDescriptor {
  readonly #descriptor: Descriptor;
  #owners = 1;

  /** Takes ownership of a descriptor, with one owner. */
  constructor(descriptor: Descriptor) {
    this.#descriptor = descriptor;
  }

  /** The number. Throws a TypeError once the descriptor is closed. */
  get fd(): number {
    return this.#descriptor.fd;
  }

  /** Adds an owner. */
  retain(): this {
    this.#owners++;
    return this;
  }

  /** Removes an owner. The last one closes the descriptor. */
  release(): void {
    if (--this.#owners === 0) this.#descriptor.close();
  }
}
