import { userName } from "../../ffi/processes/accounts.ts";
import { namesIn, readFile, readLink } from "../../ffi/files/file.ts";
import { Errno, OsError } from "../../ffi/libc/errno.ts";
import type { BindDescription } from "../../protocol.ts";

/** A process that holds a socket. */
export interface Holder {
  /** Process ID. */
  pid: number;
  /** Effective user ID. */
  uid: number;
  /** Name of that user, or its number if it has no name. */
  user: string;
  /** Command line, separated by spaces; the process name if it is empty. */
  command: string;
  /** The process's descriptors of the socket. */
  descriptors: number[];
}

/** The processes that hold each socket. */
export interface SocketHolders {
  /** By inode; sockets without a holder that could be found are missing. */
  readonly byInode: ReadonlyMap<string, readonly Holder[]>;
  /** Number of processes that could not be read: they may hold any socket. */
  readonly unreadable: number;
  /** Their PIDs. */
  readonly unreadablePids: ReadonlySet<number>;
}

/** Options of {@linkcode holdersOf}. */
export interface HolderOptions {
  /** Processes to leave out, such as the daemon's own. */
  except?: readonly number[];
  /** Ends the search with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * Searches /proc for the processes that hold the sockets of a list.
 *
 * The search reads proc_pid_fd(5). Only root can read processes of other users,
 * processes in other PID namespaces are invisible, and the search may miss a
 * process that starts or ends meanwhile. The daemon holds all of its sockets:
 * `except` leaves it out. `holdersOf` needs only the permission `--allow-ffi`
 * for the C library.
 *
 * @throws {OsError} when /proc is not mounted.
 *
 * @example
 * ```ts no-eval
 * import { connect, holdersOf } from "jsr:@multibinder/client";
 *
 * using session = await connect();
 * const binds = await session.list();
 * const { pid } = await session.status();
 * const { byInode, unreadable } = await holdersOf(binds, { except: [pid] });
 * for (const { address, inode } of binds) {
 *   console.log(address, byInode.get(inode)?.map(({ pid }) => pid) ?? []);
 * }
 * if (unreadable > 0) console.log(`${unreadable} processes could not be inspected`);
 * ```
 */
export async function holdersOf(
  binds: Iterable<Partial<Pick<BindDescription, "inode">>>,
  { except = [], signal }: HolderOptions = {},
): Promise<SocketHolders> {
  signal?.throwIfAborted();
  const wanted = new Map<string, string>();
  for (const { inode } of binds) {
    // An older daemon does not send it.
    if (inode !== undefined) wanted.set(`socket:[${inode}]`, inode);
  }
  const byInode = new Map<string, Holder[]>();
  const users = new Map<number, string>();
  const unreadablePids = new Set<number>();
  let turnStart = performance.now();
  for (const name of wanted.size === 0 ? [] : namesInProc()) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || except.includes(pid)) continue;
    const found = unlessGone(() => heldSockets(pid, wanted));
    if (found === "denied") {
      if (mayHaveDescriptors(pid)) unreadablePids.add(pid);
    } else if (found !== undefined && found.size > 0) {
      const identity = unlessGone(() => identityOf(pid, users));
      if (identity === "denied") unreadablePids.add(pid);
      if (identity === undefined || identity === "denied") continue;
      for (const [inode, descriptors] of found) {
        const holders = byInode.get(inode) ?? [];
        byInode.set(inode, holders);
        holders.push({ pid, ...identity, descriptors });
      }
    }
    if (performance.now() - turnStart < LONGEST_TURN) continue;
    await new Promise((resolve) => setTimeout(resolve, 0));
    signal?.throwIfAborted();
    turnStart = performance.now();
  }
  return { byInode, unreadable: unreadablePids.size, unreadablePids };
}

/** Without proc(5), an empty directory would look like a machine of no process. */
function namesInProc(): string[] {
  const names = namesIn("/proc");
  if (names.includes("self")) return names;
  throw new OsError("open", Errno.ENOENT, "/proc/self");
}

/** Longest time without a turn of the event loop, in ms. */
const LONGEST_TURN = 10;

const GONE: ReadonlySet<string> = new Set(["ENOENT", "ESRCH"]);
const DENIED: ReadonlySet<string> = new Set(["EACCES", "EPERM"]);

/** Returns `undefined` if the process has ended meanwhile. */
function unlessGone<T>(inspect: () => T): T | "denied" | undefined {
  try {
    return inspect();
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    if (GONE.has(error.code)) return undefined;
    if (DENIED.has(error.code)) return "denied";
    throw error;
  }
}

/** The process's descriptors of the wanted sockets, by inode. */
function heldSockets(
  pid: number,
  wanted: ReadonlyMap<string, string>,
): Map<string, number[]> {
  const found = new Map<string, number[]>();
  const directory = `/proc/${pid}/fd`;
  for (const name of namesIn(directory)) {
    let link: string;
    try {
      link = readLink(`${directory}/${name}`);
    } catch (error) {
      // Closed since the directory was read.
      if (error instanceof OsError && error.errno === Errno.ENOENT) continue;
      throw error;
    }
    const inode = wanted.get(link);
    if (inode === undefined) continue;
    const descriptors = found.get(inode);
    if (descriptors === undefined) found.set(inode, [Number(name)]);
    else descriptors.push(Number(name));
  }
  return found;
}

/** `PF_KTHREAD` of the kernel's sched.h. */
const KERNEL_THREAD = 0x00200000;

/** False for kernel threads and ended processes (proc_pid_stat(5)). */
function mayHaveDescriptors(pid: number): boolean {
  const stat = unlessGone(() => textOf(`/proc/${pid}/stat`));
  if (stat === undefined) return false;
  // The name in parentheses may contain spaces and parentheses.
  const [state = "", , , , , , flags] = stat.slice(stat.lastIndexOf(")") + 2)
    .split(" ");
  return !/[ZX]/i.test(state) && (Number(flags) & KERNEL_THREAD) === 0;
}

/** Reads proc_pid_status(5) and proc_pid_cmdline(5); `users` is a cache. */
function identityOf(
  pid: number,
  users: Map<number, string>,
): Pick<Holder, "uid" | "user" | "command"> {
  const status = textOf(`/proc/${pid}/status`);
  const name = /^Name:\s*(.*)$/m.exec(status)?.[1] ?? "";
  const uid = Number(/^Uid:\s*\d+\s+(\d+)/m.exec(status)?.[1]);
  const words = textOf(`/proc/${pid}/cmdline`).replace(/\0+$/, "");
  const command = words === "" ? name : words.replaceAll("\0", " ");
  const user = users.get(uid) ?? nameOf(uid);
  users.set(uid, user);
  return { uid, user, command };
}

function nameOf(uid: number): string {
  try {
    return userName(uid) ?? String(uid);
  } catch (error) {
    // A user database on the network (nsswitch.conf(5)) can fail.
    if (error instanceof OsError) return String(uid);
    throw error;
  }
}

const decoder = new TextDecoder();

function textOf(path: string): string {
  return decoder.decode(readFile(path));
}
