import { executable } from "../../ffi/processes/executable.ts";
import {
  commandLine,
  execute,
  initialEnvironment,
} from "../../ffi/processes/process.ts";

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
 * An exec removes the listeners of signals, and a signal without a listener
 * ends the program. Call {@linkcode blockSignals} directly before, and
 * {@linkcode unblockSignals} in the new program once its listeners are in
 * place: a signal that arrives after the exec stays pending until then.
 * `blockSignals` blocks signals on the calling thread only, so a signal that
 * arrives between it and the exec can be taken by another thread of Deno and
 * be lost. It does not end the program as long as its listener is in place.
 *
 * @throws {OsError} when the program cannot be executed; then nothing has
 * changed.
 *
 * @example
 * ```ts no-eval
 * import { bind, Binding, blockSignals, reexec, unblockSignals } from "jsr:@multibinder/client";
 *
 * const inherited = Deno.env.get("WEB_FD");
 * const web = inherited === undefined
 *   ? await bind("127.0.0.1", 8000)
 *   : Binding.from(Number(inherited));
 * Deno.addSignalListener("SIGUSR2", () => {
 *   blockSignals(["SIGUSR2"]);
 *   reexec({ env: { WEB_FD: `${web.fd}` } });
 * });
 * unblockSignals(["SIGUSR2"]);
 * ```
 */
export function reexec(options: ReexecOptions = {}): never {
  const changed = new Map(Object.entries(options.env ?? {}));
  const kept = initialEnvironment()
    .filter((entry) => !changed.has(entry.split("=", 1)[0]!));
  const added = Array.from(changed, ([name, value]) => `${name}=${value}`);
  return execute(executable(), commandLine(), [...kept, ...added]);
}
