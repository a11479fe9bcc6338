/**
 * Signals that every thread of this process holds back, also those that were
 * there before any of our code ran. A thread changes its own mask and nobody
 * else's (pthread_sigmask(3)): each is sent a signal whose handler does it.
 *
 * @module
 */
import { abi } from "./abi.ts";
import { check, Errno, lastErrno, OsError } from "./errno.ts";
import { namesIn, readFile } from "./file.ts";
import { libc } from "./libc.ts";
import { maskHandler } from "./mask_handler.ts";
import { viewOf } from "./memory.ts";
import { processId } from "./process.ts";
import { setAction } from "./signal_action.ts";
import {
  areBlocked,
  blockSignals,
  type MaskedSignal,
  signalSet,
} from "./signal_mask.ts";

/** How long the threads may take, in ms. */
const PATIENCE = 500;

/** How long they are left alone between two looks at them, in ms. */
const PAUSE = 1;

const THREADS = "/proc/self/task";

/**
 * It does nothing where it has no handler (signal(7)), so that one which comes
 * late, when the handler is gone, does no harm.
 */
const CARRIER = "SIGURG";

const decoder = new TextDecoder();

/** A bit for each signal, the lowest for signal 1. */
function maskOf(signals: readonly MaskedSignal[]): number {
  return viewOf(signalSet(signals)).getUint32(0, true);
}

/** Memory from mmap(2) that is written first, and executable then. */
function executableMemory(code: Uint8Array<ArrayBuffer>): bigint {
  const size = BigInt(code.length);
  const address = libc().mmap(
    0n,
    size,
    abi.PROT_READ | abi.PROT_WRITE,
    abi.MAP_PRIVATE | abi.MAP_ANONYMOUS,
    -1,
    0n,
  );
  check(address, "mmap");
  libc().memcpy_in(address, code, size);
  const executable = abi.PROT_READ | abi.PROT_EXEC;
  check(libc().mprotect(address, size, executable), "mprotect");
  return address;
}

/** A sigaction with a handler that interrupts no call that can go on. */
function actionOf(handler: bigint): Uint8Array<ArrayBuffer> {
  const layout = abi.layouts.sigaction;
  const bytes = new Uint8Array(layout.size);
  const view = viewOf(bytes);
  view.setBigUint64(layout.sa_sigaction, handler, true);
  view.setInt32(layout.sa_flags, abi.SA_SIGINFO | abi.SA_RESTART, true);
  return bytes;
}

/** What a thread holds back (proc_pid_status(5)); of one that is gone, 0. */
function maskOfThread(thread: string): bigint {
  try {
    const status = decoder.decode(readFile(`${THREADS}/${thread}/status`));
    const [, blocked = "0"] = /^SigBlk:\s*([0-9a-f]+)$/m.exec(status) ?? [];
    return BigInt(`0x${blocked}`);
  } catch (error) {
    const gone = error instanceof OsError &&
      (error.errno === Errno.ENOENT || error.errno === Errno.ESRCH);
    if (gone) return 0n;
    throw error;
  }
}

/** tgkill(2); nothing for a thread that is gone. */
function tell(pid: number, thread: string): void {
  if (libc().tgkill(pid, Number(thread), abi[CARRIER]) === 0) return;
  const errno = lastErrno();
  if (errno !== Errno.ESRCH) throw new OsError("tgkill", errno, thread);
}

/**
 * Tells every thread until all hold the mask back. A thread that also holds
 * the carrier back is in its handler, or makes another thread: glibc blocks
 * everything for the while, and lets through again what was not blocked before.
 * A thread that another one made has the other's mask: there may be one more
 * that does not hold the mask back until a list has nobody on it who was not
 * seen to before the list was made.
 */
function reachEveryThread(mask: bigint): boolean {
  const pid = processId();
  const told = new Set<string>();
  const reached = new Set<string>();
  const carrier = 1n << BigInt(abi[CARRIER] - 1);
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const end = performance.now() + PATIENCE;
  while (performance.now() < end) {
    const others = namesIn(THREADS).filter((thread) => !reached.has(thread));
    if (others.length === 0) return true;
    const before = reached.size;
    for (const thread of others) {
      const blocked = maskOfThread(thread);
      if ((blocked & (mask | carrier)) === mask) {
        reached.add(thread);
      } else if ((blocked & mask) !== mask && !told.has(thread)) {
        tell(pid, thread);
        told.add(thread);
      }
    }
    if (reached.size === before) Atomics.wait(pause, 0, 0, PAUSE);
  }
  return false;
}

/**
 * Has every thread of this process hold the signals back from here on: whether
 * it worked. If not, this thread and perhaps others hold them back. It does not
 * where memory may not become executable, without /proc, and with a thread
 * that holds SIGURG back.
 *
 * @throws {OsError} when not even this thread can.
 */
export function blockInEveryThread(signals: readonly MaskedSignal[]): boolean {
  blockSignals(signals);
  // Threads have the mask of the one that made them.
  if (areBlocked([CARRIER])) return false;
  const mask = maskOf(signals);
  const code = maskHandler(Deno.build.arch, mask).flatMap(({ bytes }) => bytes);
  try {
    const handler = executableMemory(new Uint8Array(code));
    const before = setAction(abi[CARRIER], actionOf(handler));
    let reached = false;
    try {
      reached = reachEveryThread(BigInt(mask));
    } finally {
      setAction(abi[CARRIER], before);
    }
    // A thread that was not seen to have left the handler may still be in it.
    if (reached) {
      check(libc().munmap(handler, BigInt(code.length)), "munmap");
    }
    return reached;
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    return false;
  }
}
