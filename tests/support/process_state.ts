/**
 * Reads the state of a process from /proc.
 *
 * @module
 */
import { isOlder } from "../../ffi/libc/deno_version.ts";
import { eventually } from "./eventually.ts";
import { childrenOf, stateOf, unlessEnded } from "./process_life.ts";

/** A process's descriptors: what each number refers to, `socket:[123]`. */
export async function descriptorsOf(pid: number): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for await (const { name } of Deno.readDir(`/proc/${pid}/fd`)) {
    const link = Deno.readLink(`/proc/${pid}/fd/${name}`);
    // Closed since the directory was read.
    const target = await unlessEnded(link, "");
    if (target !== "") found.set(Number(name), target);
  }
  return found;
}

/** A signal's bit in the masks of proc_pid_status(5). */
const SIGUSR1_BIT = 1n << 9n;

/** Since 2.9.2 Deno installs a handler for SIGUSR1 half a second after its start. */
const HAS_SIGNAL_HANDLER: boolean = !isOlder("2.9.2");

async function hasSignalHandler(pid: number): Promise<boolean> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return (BigInt(`0x${caught}`) & SIGUSR1_BIT) !== 0n;
}

/**
 * Waits until a process of this Deno has opened its internal descriptors: the
 * last is a socket pair for its signal handler.
 */
export async function settled(pid: number): Promise<void> {
  if (!HAS_SIGNAL_HANDLER) return;
  await eventually(
    `Deno's own handler of SIGUSR1 in process ${pid}`,
    () => hasSignalHandler(pid),
  );
}

/**
 * Waits until a process has become a program that then sleeps, such as
 * `sleep`. The name changes with the exec, when the loader has yet to open
 * libraries and close them; a process that sleeps has done so.
 */
export async function settledAs(pid: number, program: string): Promise<void> {
  await eventually(`process ${pid} sleeps as ${program}`, async () => {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
    const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
    return name === program && stat[stat.lastIndexOf(")") + 2] === "S";
  });
}

/**
 * Waits until a process and its children sleep. Once a HAProxy 2.6 did not end on
 * a SIGUSR1 that arrived a moment after its first answer.
 */
export async function settledWithChildren(pid: number): Promise<void> {
  for (const each of [pid, ...await childrenOf(pid)]) {
    await eventually(
      `process ${each} sleeps or has ended`,
      async () => ["S", undefined].includes(await stateOf(each)),
    );
  }
}

/** The blocked signals of each thread, as a bit mask. */
export async function blockedSignals(
  pid: number,
): Promise<Map<number, bigint>> {
  const found = new Map<number, bigint>();
  for await (const { name } of Deno.readDir(`/proc/${pid}/task`)) {
    const path = `/proc/${pid}/task/${name}/status`;
    const status = await unlessEnded(Deno.readTextFile(path), "");
    const blocked = /^SigBlk:\s*([0-9a-f]+)$/m.exec(status)?.[1];
    if (blocked !== undefined) found.set(Number(name), BigInt(`0x${blocked}`));
  }
  return found;
}

/** SIGHUP, SIGINT, SIGUSR1 and SIGTERM, a bit each as in proc_pid_status(5). */
const DAEMON_SIGNALS = 0x4203n;

/** The threads of a process that do not block all of the daemon's signals. */
export async function threadsThatTakeSignals(pid: number): Promise<number[]> {
  return [...await blockedSignals(pid)]
    .filter(([, blocked]) => (blocked & DAEMON_SIGNALS) !== DAEMON_SIGNALS)
    .map(([thread]) => thread);
}

/** The numbers of the pending signals of a process. */
export async function pendingSignals(pid: number): Promise<Set<number>> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const pending = new Set<number>();
  for (
    const [, mask] of status.matchAll(/^(?:SigPnd|ShdPnd):\s*([0-9a-f]+)$/gm)
  ) {
    const bits = BigInt(`0x${mask}`);
    for (let signal = 1; signal <= 64; signal++) {
      if ((bits >> BigInt(signal - 1) & 1n) === 1n) pending.add(signal);
    }
  }
  return pending;
}

/** The memory a process has resident, in KiB (VmRSS, proc_pid_status(5)). */
export async function residentMemory(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const kib = /^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1];
  if (kib === undefined) throw new Error(`no VmRSS in /proc/${pid}/status`);
  return Number(kib);
}
