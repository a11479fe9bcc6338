import {
  type FileIdentity,
  sameFile,
  statusOf,
  unlink,
} from "../../ffi/files/file.ts";
import { about } from "../configuration/config_file.ts";
import { replaceEntry } from "../configuration/replaced_file.ts";
import { trustedEntry } from "../configuration/trusted_path.ts";

/**
 * The file with the PID of the HAProxy that serves. It is written for others and
 * never read here.
 */
export class PidFile implements Disposable {
  #written: FileIdentity | undefined;

  constructor(readonly path: string) {}

  /**
   * Replaces the file. It is never written through a link.
   *
   * @throws {FileError}
   */
  write(pid: number): void {
    about(`cannot write ${this.path}`, () => {
      replaceEntry(trustedEntry(this.path), `${pid}\n`, { mode: 0o644 });
      this.#written = statusOf(this.path);
    });
  }

  /** Removes the file, unless another program has replaced it since. */
  [Symbol.dispose](): void {
    if (this.#written === undefined) return;
    const present = statusOf(this.path);
    if (present !== undefined && sameFile(present, this.#written)) {
      unlink(this.path);
    }
    this.#written = undefined;
  }
}
