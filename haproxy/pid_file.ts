import { type FileIdentity, sameFile, statusOf, unlink } from "../ffi/file.ts";
import { about } from "./config_file.ts";
import { replaceFile } from "./replaced_file.ts";

/**
 * The file with the PID of the HAProxy that serves: written for others and
 * never read back.
 */
export class PidFile implements Disposable {
  #written: FileIdentity | undefined;

  constructor(readonly path: string) {}

  /**
   * Puts another PID in it, in one step.
   *
   * @throws {FileError}
   */
  write(pid: number): void {
    about(`cannot write ${this.path}`, () => {
      replaceFile(this.path, `${pid}\n`, { mode: 0o644 });
      this.#written = statusOf(this.path);
    });
  }

  /** Removes it, unless somebody else has written another. */
  [Symbol.dispose](): void {
    if (this.#written === undefined) return;
    const there = statusOf(this.path);
    if (there !== undefined && sameFile(there, this.#written)) {
      unlink(this.path);
    }
    this.#written = undefined;
  }
}
