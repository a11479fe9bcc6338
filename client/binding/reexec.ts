import { executable } from "../../ffi/processes/executable.ts";
import {
  commandLine,
  execute,
  initialEnvironment,
} from "../../ffi/processes/process.ts";

/** Options of {@linkcode reexec}. */
export interface ReexecOptions {
  /** Variables to set for the new program. */
  env?: Readonly<Record<string, string>>;
}

/**
 * Replaces this program by a fresh copy of itself, under the same PID (execve(2)).
 *
 * It executes `Deno.execPath()` with the same command line. Every
 * {@linkcode Binding} whose `fd` was read stays open under its number; every
 * close-on-exec descriptor is closed. The environment is the one that this
 * program was started with, and `env`.
 *
 * An exec removes the listeners of signals, and a signal without a listener
 * ends the program. Call {@linkcode blockSignals} directly before, and
 * {@linkcode unblockSignals} in the new program once its listeners are in
 * place: a signal that arrives after the exec stays pending until then.
 * `blockSignals` blocks signals on the calling thread only. If a signal arrives
 * between it and the exec, another thread of Deno can take it: the signal is then
 * lost, but does not end the program while its listener is in place.
 *
 * @throws {OsError} when execve(2) fails; this program then continues
 * unchanged.
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
