import type { ConfigFile } from "./config_file.ts";
import type { Rendered } from "./render.ts";

/** What one HAProxy is started with: its files and its sockets. */
export class Configuration implements Disposable {
  readonly #rendered: Rendered;

  /** Takes over the sockets. */
  constructor(readonly files: readonly ConfigFile[], rendered: Rendered) {
    this.#rendered = rendered;
  }

  /** By their numbers in HAProxy, ours. */
  get descriptors(): readonly number[] {
    return this.#rendered.descriptors;
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
    this.#rendered[Symbol.dispose]();
  }
}
