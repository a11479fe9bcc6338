import {
  childEnding,
  type Ending,
  startChild,
} from "../../ffi/processes/child_process.ts";
import {
  createPipe,
  type Pipe,
  readTail,
  writeToPipe,
} from "../../ffi/files/pipe.ts";
import { writeFile } from "../../ffi/files/file.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { signalGroup } from "../../ffi/processes/process_group.ts";
import { signalNumber } from "../../ffi/processes/signal_numbers.ts";
import { IGNORED } from "../signals.ts";
import type { NextProgram } from "./next_program.ts";

/** How a program ended, and the end of what it wrote. */
export interface CheckedProgram {
  readonly ending: Ending;
  readonly output: string;
  readonly errors: string;
}

/**
 * Signals that do not end the daemon: for every process of the service (systemctl kill)
 * or of a name (pkill) they must not end the check either. SIGTERM ends it: after a
 * kill -9 of the daemon systemd waits for the check before it starts the next daemon.
 */
const HARMLESS = ["SIGHUP", "SIGUSR1", ...IGNORED] as const;

/** The end of the output that is kept, in bytes. */
const MAX_OUTPUT = 4_000;

/**
 * Runs a program to its end, with `input` on standard input and no other
 * descriptor of this process. Aborting kills it. The processes that it leaves
 * in its group are killed too.
 *
 * @throws {OsError} if it cannot be started.
 */
export async function runToEnd(
  program: NextProgram,
  input: Uint8Array<ArrayBuffer>,
  abort: AbortSignal,
): Promise<CheckedProgram> {
  using resources = new DisposableStack();
  const pipe = (): Pipe => {
    const created = createPipe();
    resources.use(created.reader);
    resources.use(created.writer);
    return created;
  };
  const [stdin, stdout, stderr] = [pipe(), pipe(), pipe()];
  const theirs = [stdin.reader, stdout.writer, stderr.writer];
  const pid = startChild({
    ...program,
    descriptors: new Map(theirs.map(({ fd }, number) => [number, fd])),
    ownGroup: true,
    blocked: HARMLESS,
  });
  for (const end of theirs) end.close();
  const ended = new AbortController();
  const written = [stdout, stderr].map(({ reader }) =>
    textOf(readTail(reader, MAX_OUTPUT, ended.signal))
  );
  // A program that exits before it has read the input says why.
  const fed = writeToPipe(stdin.writer, input, ended.signal).catch(() => {});
  try {
    const ending = await endingOf(pid, abort);
    ended.abort();
    const [output = "", errors = ""] = await Promise.all(written);
    return { ending, output, errors };
  } finally {
    ended.abort();
    await fed;
  }
}

const decoder = new TextDecoder();

async function textOf(
  tail: Promise<Uint8Array<ArrayBuffer>>,
): Promise<string> {
  try {
    return decoder.decode(await tail).trim();
  } catch (error) {
    return `its output cannot be read: ${error}`;
  }
}

async function endingOf(pid: number, abort: AbortSignal): Promise<Ending> {
  const kill = () => unlessRefused(() => signalGroup(pid, SIGKILL));
  abort.addEventListener("abort", kill);
  try {
    preferForOutOfMemory(pid);
    if (abort.aborted) kill();
    return await childEnding(pid);
  } finally {
    abort.removeEventListener("abort", kill);
    kill();
  }
}

const SIGKILL = signalNumber("SIGKILL");

/**
 * If memory is short, the kernel ends this process before the daemon
 * (proc_pid_oom_score_adj(5)).
 */
function preferForOutOfMemory(pid: number): void {
  unlessRefused(() => writeFile(`/proc/${pid}/oom_score_adj`, "1000"));
}

function unlessRefused(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
  }
}
