import type { Descriptor } from "../../ffi/files/descriptor.ts";

/**
 * A descriptor with more than one owner in this program: the table of binds,
 * and every queued answer that still has to carry it. The last one closes it,
 * so that a release cannot make an answer carry whatever gets the number next.
 */
export class SharedDescriptor {
  readonly #descriptor: Descriptor;
  #owners = 1;

  /** Takes over a descriptor for its first owner. */
  constructor(descriptor: Descriptor) {
    this.#descriptor = descriptor;
  }

  /** The number; throws a TypeError once the last owner has left. */
  get fd(): number {
    return this.#descriptor.fd;
  }

  /** One more owner. */
  retain(): this {
    this.#owners++;
    return this;
  }

  /** An owner leaves. */
  release(): void {
    if (--this.#owners === 0) this.#descriptor.close();
  }
}
