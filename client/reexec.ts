import { executable } from "../ffi/executable.ts";
import { commandLine, execute, initialEnvironment } from "../ffi/process.ts";

/** Options of {@linkcode reexec}. */
export interface ReexecOptions {
  /** Variables to set for the new program. Default: none. */
  env?: Readonly<Record<string, string>>;
}

/**
 * Replaces this program by a fresh copy of itself: `Deno.execPath()` with the
 * same command line, under the same PID (execve(2)). Every {@linkcode Binding}
 * stays open under its number, everything else is closed. The environment is
 * the one this program was started with, and `env`.
 *
 * Handlers of signals are gone until the copy installs its own: hold a signal
 * back with {@linkcode blockSignals} before, and let it through with
 * {@linkcode unblockSignals} after.
 *
 * @throws {OsError} when the program cannot be executed; then nothing has
 * changed.
 *
 * @example
 * ```ts no-eval
 * import { bind, reexec } from "jsr:@multibinder/client";
 *
 * const web = await bind("127.0.0.1", 8000);
 * Deno.addSignalListener("SIGUSR2", () => reexec({ env: { WEB_FD: `${web.fd}` } }));
 * ```
 */
export function reexec(options: ReexecOptions = {}): never {
  const changed = new Map(Object.entries(options.env ?? {}));
  const kept = initialEnvironment()
    .filter((entry) => !changed.has(entry.split("=", 1)[0]!));
  const added = Array.from(changed, ([name, value]) => `${name}=${value}`);
  return execute(executable(), commandLine(), [...kept, ...added]);
}
