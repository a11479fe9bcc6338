/**
 * Checks a new version before it replaces the old one. The same command line is
 * started beside the daemon, loads its modules, reads a copy of the state, prints
 * a line and exits.
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

/** Set to 1 for a program that is only checked. */
const CHECK_VARIABLE = "MULTIBINDER_CHECK";

/**
 * The line that a checked program prints. Exit status 0 is not sufficient: an
 * empty module exits with 0 too.
 */
const PASSED = "multibinder check passed";

/** Time that a new version has to load and to read the state, in ms. */
const CHECK_TIMEOUT = 15_000;

/** Length of the output of a failed check that is logged, in characters. */
const MAX_OUTPUT = 4_000;

/** Whether this process is a new version that is being checked. */
export function isCheck(): boolean {
  return environmentVariable(CHECK_VARIABLE) === "1";
}

/**
 * Reads the state from standard input.
 *
 * @returns the line for standard output
 * @throws {StateError} if this release cannot read the state.
 */
export function runCheck(): string {
  decodeState(readAll(0));
  return PASSED;
}

/** Whether Deno permits the daemon to start the new version. */
export function mayCheck(): boolean {
  const command = executable();
  return Deno.permissions.querySync({ name: "run", command }).state ===
    "granted";
}

/**
 * Runs the program that a re-exec would execute, with a copy of the state.
 * Aborting kills it.
 *
 * @returns why the check failed, or `undefined` if it passed
 */
export async function checkNewVersion(
  state: Uint8Array<ArrayBuffer>,
  abort: AbortSignal,
): Promise<string | undefined> {
  const timeout = AbortSignal.timeout(CHECK_TIMEOUT);
  const end = AbortSignal.any([timeout, abort]);
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
    return `the new version cannot be started: ${error}`;
  }
  const kill = () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // The child has already exited.
    }
  };
  end.addEventListener("abort", kill);
  const streams = [new OutputTail(child.stdout), new OutputTail(child.stderr)];
  feed(child.stdin, state);
  const { success, code, signal } = await child.status;
  end.removeEventListener("abort", kill);
  const [output, errors] = await Promise.all(
    streams.map((stream) => stream.text()),
  );
  if (success && output!.includes(PASSED)) return undefined;
  const written = (errors!.trim() === "" ? output!.trim() : errors!.trim())
    .slice(-MAX_OUTPUT);
  return `${endOf(timeout, code, signal)}: ${written || "no output"}`;
}

/** Time to wait for the end of the output after the child has exited, in ms. */
const OUTPUT_TIMEOUT = 200;

/** Reads all output of a program and keeps the end of it. */
class OutputTail {
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
        this.#bytes = all.slice(-MAX_OUTPUT);
      }
    } catch {
      // The output read so far is enough.
    }
  }

  /** The kept output. Does not wait for other processes that hold the stream. */
  async text(): Promise<string> {
    const timer = setTimeout(() => this.#reader.cancel(), OUTPUT_TIMEOUT);
    await this.#end;
    clearTimeout(timer);
    return new TextDecoder().decode(this.#bytes);
  }
}

function endOf(
  timeout: AbortSignal,
  code: number,
  signal: Deno.Signal | null,
): string {
  if (timeout.aborted) {
    return `the new version did not exit within ${CHECK_TIMEOUT} ms`;
  }
  if (signal !== null) return `the new version was killed by ${signal}`;
  return code === 0
    ? "the new version exited without reading the state"
    : `the new version exited with status ${code}`;
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
    // The child exited before it read the whole state: its status says why.
  }
}
