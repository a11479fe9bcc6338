import type { Sockets } from "../template/sockets.ts";
import type { ConfigFile } from "./config_file.ts";

/** The files and the sockets that a HAProxy is started with. */
export class Configuration implements Disposable {
  /** The sockets belong to it from then on. */
  constructor(
    readonly files: readonly ConfigFile[],
    readonly sockets: Sockets,
  ) {}

  /** Our descriptors; HAProxy has them at 3, 4, ... */
  get descriptors(): readonly number[] {
    return this.sockets.descriptors;
  }

  /**
   * Writes the files.
   *
   * @throws {FileError}
   */
  install(): void {
    for (const file of this.files) file.install();
  }

  /**
   * Writes the files that have changed since.
   *
   * @throws {FileError}
   */
  restore(): void {
    for (const file of this.files) file.restore();
  }

  /** Closes our copies of the sockets. */
  [Symbol.dispose](): void {
    this.sockets[Symbol.dispose]();
  }
}
