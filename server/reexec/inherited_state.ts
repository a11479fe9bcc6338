/**
 * Passes the state to the next generation: descriptors that stay open across
 * execve(2), and a memfd that describes them. The memfd exists until the next
 * generation serves, so that a generation that fails to start can retry.
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

/** Names the memfd: `<pid>:<fd>:<attempt>`. */
const STATE_VARIABLE = "MULTIBINDER_STATE";

/** Maximum number of starts of one generation. */
const MAX_ATTEMPTS = 5;

/** Delay before the second start, in ms; each further delay is longer by it. */
const RETRY_DELAY = 100;

interface StateFile {
  /** The memfd. */
  fd: number;
  /** Which start of this generation it is, from 1. */
  attempt: number;
}

/** The state that the previous generation has left for this process. */
export class InheritedState {
  readonly #file: StateFile;
  #state: State | undefined;

  private constructor(file: StateFile) {
    this.#file = file;
  }

  /** The state that the environment names, if it is for this process. */
  static fromEnvironment(): InheritedState | undefined {
    const value = environmentVariable(STATE_VARIABLE);
    if (value === undefined) return undefined;
    const [pid, fd, attempt = 1] = value.split(":").map(Number);
    // A child of a daemon may inherit the daemon's environment.
    if (pid !== processId() || fd === undefined) return undefined;
    return new InheritedState({ fd, attempt });
  }

  /**
   * The state.
   *
   * @throws {StateError} if this release cannot read it.
   */
  get state(): State {
    return this.#state ??= decodeState(readMemoryFile(this.#file.fd));
  }

  /** Closes the memfd once this generation serves. */
  discard(): void {
    new Descriptor(this.#file.fd).close();
    try {
      unsetEnvironmentVariable(STATE_VARIABLE);
    } catch (error) {
      // Harmless: the variable names this PID, so other processes ignore it.
      if (!(error instanceof OsError)) throw error;
    }
  }

  /**
   * Executes this program again with the same state, after a delay: a shortage of
   * memory or descriptors may be over. Returns after the last attempt.
   *
   * @throws {OsError} if the program cannot be executed.
   */
  retryStart(): void {
    const { fd, attempt } = this.#file;
    if (attempt >= MAX_ATTEMPTS) return;
    sleepSync(RETRY_DELAY * attempt);
    executeWith(this.#state, { fd, attempt: attempt + 1 });
  }
}

/**
 * Executes the next generation of this program.
 *
 * @param state its descriptors stay open across the exec; undefined before a
 * state is read, while the inherited descriptors still stay open
 * @throws {OsError} if the program cannot be executed; then nothing has changed.
 */
export function executeWith(
  state: StateRecord | undefined,
  { fd, attempt }: StateFile,
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

/** Whether a variable describes descriptors of this generation only. */
function isForThisGeneration(entry: string): boolean {
  return entry.startsWith(RUBY_PREFIX) ||
    [STATE_VARIABLE, ...LISTEN_VARIABLES]
      .some((name) => entry.startsWith(`${name}=`));
}

/** The descriptors of a state. Unsent answers may have sockets of no bind. */
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
