import type { ConfigFile } from "./config_file.ts";
import type { Sockets } from "./sockets.ts";

/** What one HAProxy is started with: its files and its sockets. */
export class Configuration implements Disposable {
  /** Takes over the sockets. */
  constructor(
    readonly files: readonly ConfigFile[],
    readonly sockets: Sockets,
  ) {}

  /** By their numbers in HAProxy, ours. */
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

  /** Writes those that somebody has changed meanwhile. */
  restore(): void {
    for (const file of this.files) file.restore();
  }

  /** Closes our copies of the sockets. */
  [Symbol.dispose](): void {
    this.sockets[Symbol.dispose]();
  }
}
