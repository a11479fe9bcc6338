/**
 * Passes the state to the next generation: descriptors that stay open across
 * execve(2), and one that the state is read from. That one exists until the next
 * generation serves, so that a generation that fails to start can retry.
 *
 * @module
 */
import { Descriptor, setCloseOnExec } from "../../ffi/files/descriptor.ts";
import { Errno, OsError } from "../../ffi/libc/errno.ts";
import { memoryFile, readAll, readMemoryFile } from "../../ffi/files/file.ts";
import { filledPipe } from "../../ffi/files/pipe.ts";
import {
  environmentVariable,
  processId,
  setAllCloseOnExec,
  unsetEnvironmentVariable,
} from "../../ffi/processes/process.ts";
import { sleepSync } from "../../ffi/files/readiness.ts";
import { become, nextProgram, STATE_VARIABLE } from "./next_program.ts";
import {
  decodeState,
  encodeState,
  type State,
  type StateRecord,
} from "./state.ts";

/** Maximum number of starts of one generation. */
const MAX_ATTEMPTS = 5;

/** Delay before the second start, in ms; each further delay is longer by it. */
const RETRY_DELAY = 100;

/** The state that the previous generation has left for this process. */
export class InheritedState {
  #source: Descriptor;
  /** Which start of this generation it is, from 1. */
  readonly #attempt: number;
  #state: State | undefined;
  /** What was read from a pipe, which can be read only once. */
  #drained: Uint8Array<ArrayBuffer> | undefined;

  private constructor(source: Descriptor, attempt: number) {
    this.#source = source;
    this.#attempt = attempt;
  }

  /** The state that the environment names, if it is for this process. */
  static fromEnvironment(): InheritedState | undefined {
    const value = environmentVariable(STATE_VARIABLE);
    if (value === undefined) return undefined;
    const [pid, fd, attempt = 1] = value.split(":").map(Number);
    // A child of a daemon may inherit the daemon's environment.
    if (pid !== processId() || fd === undefined) return undefined;
    return new InheritedState(new Descriptor(fd), attempt);
  }

  /**
   * The state.
   *
   * @throws {StateError} if this release cannot read it.
   */
  get state(): State {
    return this.#state ??= decodeState(this.#drained ?? this.#read());
  }

  #read(): Uint8Array<ArrayBuffer> {
    const { fd } = this.#source;
    try {
      return readMemoryFile(fd);
    } catch (error) {
      const isPipe = error instanceof OsError && error.errno === Errno.ESPIPE;
      if (!isPipe) throw error;
      return this.#drained = readAll(fd);
    }
  }

  /** Closes its descriptor once this generation serves. */
  discard(): void {
    this.#source.close();
    this.#drained = undefined;
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
    if (this.#attempt >= MAX_ATTEMPTS) return;
    sleepSync(RETRY_DELAY * this.#attempt);
    if (this.#drained !== undefined) {
      this.#source.close();
      this.#source = filledPipe(this.#drained);
    }
    execute(this.#source.fd, this.#attempt + 1, this.#state);
  }
}

/**
 * Executes the next generation of this program.
 *
 * @throws {OsError} if the state cannot be passed, or if the program cannot be
 * executed; then nothing has changed.
 */
export function executeWith(state: StateRecord): never {
  using source = sourceOf(encodeState(state));
  return execute(source.fd, 1, state);
}

/**
 * A descriptor that the state is read from: a memfd, or a pipe. A filter of
 * seccomp(2) may refuse memfd_create, and RLIMIT_FSIZE limits a memfd too.
 */
function sourceOf(bytes: Uint8Array<ArrayBuffer>): Descriptor {
  try {
    return memoryFile("multibinder-state", bytes);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    return filledPipe(bytes);
  }
}

/**
 * @param state its descriptors stay open across the exec; undefined before a
 * state is read, while the inherited descriptors still stay open
 */
function execute(
  fd: number,
  attempt: number,
  state: StateRecord | undefined,
): never {
  const value = `${processId()}:${fd}:${attempt}`;
  const program = nextProgram(STATE_VARIABLE, value);
  try {
    setCloseOnExec(fd, false);
    for (const each of state === undefined ? [] : descriptorsOf(state)) {
      setCloseOnExec(each, false);
    }
    return become(program);
  } finally {
    setAllCloseOnExec();
  }
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
