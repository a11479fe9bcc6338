/**
 * The check of a new version before it replaces the old one: the very command
 * line that is about to be executed is started beside the daemon, loads all
 * its modules, reads a copy of the state, says so and exits.
 *
 * @module
 */
import { executable } from "../../ffi/processes/executable.ts";
import { readAll } from "../../ffi/files/file.ts";
import {
  commandLine,
  environmentVariable,
} from "../../ffi/processes/process.ts";
import { decodeState } from "./state.ts";

/** Set for a program that is only checked. */
const CHECK_VARIABLE = "MULTIBINDER_CHECK";

/**
 * What a program that passed has said. An exit status of 0 alone is no proof:
 * an empty file has it, too.
 */
const VERDICT = "multibinder check passed";

/** How long a new version may take to load and read the state, in ms. */
const PATIENCE = 15_000;

/** So much of what a failed check wrote goes into the log, in characters. */
const REPORTED = 4_000;

/** Whether this process is a new version that is only checked. */
export function isCheck(): boolean {
  return environmentVariable(CHECK_VARIABLE) === "1";
}

/**
 * Reads the state on standard input; the verdict for standard output.
 *
 * @throws {StateError} when this release cannot go on with that state.
 */
export function passCheck(): string {
  decodeState(readAll(0));
  return VERDICT;
}

/** Whether Deno lets us start the program we would become. */
export function mayCheck(): boolean {
  const command = executable();
  return Deno.permissions.querySync({ name: "run", command }).state ===
    "granted";
}

/**
 * Checks the program that a re-exec would start, with a copy of the state.
 *
 * @returns why it failed, or `undefined` when it passed. Aborting ends it.
 */
export async function checkNewVersion(
  state: Uint8Array<ArrayBuffer>,
  abort: AbortSignal,
): Promise<string | undefined> {
  const late = AbortSignal.timeout(PATIENCE);
  const end = AbortSignal.any([late, abort]);
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(executable(), {
      args: commandLine().slice(1),
      env: { [CHECK_VARIABLE]: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    return `it cannot be started: ${error}`;
  }
  const kill = () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
  };
  end.addEventListener("abort", kill);
  const streams = [new LastWords(child.stdout), new LastWords(child.stderr)];
  feed(child.stdin, state);
  const { success, code, signal } = await child.status;
  end.removeEventListener("abort", kill);
  const [output, errors] = await Promise.all(
    streams.map((stream) => stream.text()),
  );
  if (success && output!.includes(VERDICT)) return undefined;
  const written = (errors!.trim() === "" ? output!.trim() : errors!.trim())
    .slice(-REPORTED);
  return `${howItEnded(late, code, signal)}: ${written || "it wrote nothing"}`;
}

/** How long a stream may go on when the program has ended, in ms. */
const LINGERING = 200;

/** The end of what a program writes, read without end. */
class LastWords {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  readonly #end: Promise<void>;
  #bytes = new Uint8Array(0);

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = stream.getReader();
    this.#end = this.#read();
  }

  async #read(): Promise<void> {
    try {
      for (let each; !(each = await this.#reader.read()).done;) {
        const all = new Uint8Array(this.#bytes.length + each.value.length);
        all.set(this.#bytes);
        all.set(each.value, this.#bytes.length);
        this.#bytes = all.slice(-REPORTED);
      }
    } catch {
      // Nothing more can be read of it.
    }
  }

  /** A child that has inherited the stream is not waited for. */
  async text(): Promise<string> {
    const timer = setTimeout(() => this.#reader.cancel(), LINGERING);
    await this.#end;
    clearTimeout(timer);
    return new TextDecoder().decode(this.#bytes);
  }
}

function howItEnded(
  late: AbortSignal,
  code: number,
  signal: Deno.Signal | null,
): string {
  if (late.aborted) return `it did not end within ${PATIENCE} ms`;
  if (signal !== null) return `it was ended by ${signal}`;
  return code === 0
    ? "it exited without reading the state"
    : `it exited with status ${code}`;
}

async function feed(
  stdin: WritableStream<Uint8Array<ArrayBuffer>>,
  state: Uint8Array<ArrayBuffer>,
): Promise<void> {
  try {
    const writer = stdin.getWriter();
    await writer.write(state);
    await writer.close();
  } catch {
    // It ended before it read everything; how it ended says why.
  }
}
