/**
 * What one generation leaves for the next: descriptors that stay open across
 * execve(2), and a memfd that says what each of them is. It stays there until
 * the next generation serves: one that cannot start begins anew.
 *
 * @module
 */
import { Descriptor, setCloseOnExec } from "../../ffi/files/descriptor.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { executable } from "../../ffi/processes/executable.ts";
import { readMemoryFile } from "../../ffi/files/file.ts";
import { LISTEN_VARIABLES } from "../../ffi/systemd/listen_fds.ts";
import {
  commandLine,
  environmentVariable,
  execute,
  initialEnvironment,
  processId,
  setAllCloseOnExec,
  unsetEnvironmentVariable,
} from "../../ffi/processes/process.ts";
import { sleepSync } from "../../ffi/files/readiness.ts";
import { RUBY_PREFIX } from "../takeover/ruby_environment.ts";
import { decodeState, type State, type StateRecord } from "./state.ts";

/** Where the memfd is, and for which process: `<pid>:<fd>:<attempt>`. */
const STATE_VARIABLE = "MULTIBINDER_STATE";

/** How often a generation is begun, and how long it rests between, in ms. */
const ATTEMPTS = 5;
const REST = 100;

interface Memory {
  fd: number;
  /** How often this generation has been begun, this time included. */
  attempt: number;
}

/** What the last generation has left for this process. */
export class Inheritance {
  readonly #memory: Memory;
  #state: State | undefined;

  private constructor(memory: Memory) {
    this.#memory = memory;
  }

  /** The one that the environment names, if it is meant for this process. */
  static fromEnvironment(): Inheritance | undefined {
    const value = environmentVariable(STATE_VARIABLE);
    if (value === undefined) return undefined;
    const [pid, fd, attempt = 1] = value.split(":").map(Number);
    // A process that some other daemon's environment leaked into.
    if (pid !== processId() || fd === undefined) return undefined;
    return new Inheritance({ fd, attempt });
  }

  /**
   * What each descriptor is.
   *
   * @throws {StateError} when this release cannot read it.
   */
  get state(): State {
    return this.#state ??= decodeState(readMemoryFile(this.#memory.fd));
  }

  /** This generation serves: nothing has to be begun anew. */
  accepted(): void {
    new Descriptor(this.#memory.fd).close();
    try {
      unsetEnvironmentVariable(STATE_VARIABLE);
    } catch (error) {
      // It names this process: whoever inherits it passes it over.
      if (!(error instanceof OsError)) throw error;
    }
  }

  /**
   * Executes this program once more, with all that was left: what was lacking
   * may be there in a moment. Returns only when that was in vain often enough.
   *
   * @throws {OsError} when the program cannot be executed.
   */
  beginAnew(): void {
    const { fd, attempt } = this.#memory;
    if (attempt >= ATTEMPTS) return;
    sleepSync(REST * attempt);
    executeWith(this.#state, { fd, attempt: attempt + 1 });
  }
}

/**
 * Executes this program's next generation.
 *
 * @param state whose descriptors it gets; before one is read, all that were
 * left are open for it anyway
 * @throws {OsError} when it cannot be executed; then nothing has changed.
 */
export function executeWith(
  state: StateRecord | undefined,
  { fd, attempt }: Memory,
): never {
  const environment = initialEnvironment()
    .filter((entry) => !isForThisGeneration(entry));
  environment.push(`${STATE_VARIABLE}=${processId()}:${fd}:${attempt}`);
  try {
    setCloseOnExec(fd, false);
    for (const each of state === undefined ? [] : descriptorsOf(state)) {
      setCloseOnExec(each, false);
    }
    return execute(executable(), commandLine(), environment);
  } finally {
    setAllCloseOnExec();
  }
}

/** Variables that describe descriptors of this generation only. */
function isForThisGeneration(entry: string): boolean {
  return entry.startsWith(RUBY_PREFIX) ||
    [STATE_VARIABLE, ...LISTEN_VARIABLES]
      .some((name) => entry.startsWith(`${name}=`));
}

/** Every descriptor of a state, once: a released one may still be unsent. */
function descriptorsOf(
  { control, binds, clients }: StateRecord,
): Set<number> {
  const unsent = clients.flatMap(({ unsent }) =>
    unsent.flatMap(({ descriptors }) => descriptors)
  );
  return new Set([
    ...[control, ...binds, ...clients].map(({ fd }) => fd),
    ...unsent,
  ]);
}
