import { userName } from "../../ffi/processes/accounts.ts";
import { namesIn, readFile, readLink } from "../../ffi/files/file.ts";
import { Errno, OsError } from "../../ffi/libc/errno.ts";
import type { BindDescription } from "../../protocol.ts";

/** A process that holds a socket. */
export interface Holder {
  /** The process. */
  pid: number;
  /** Whose it is: its effective user. */
  uid: number;
  /** The name of that user; the number where it has none. */
  user: string;
  /** Its command line, words separated by spaces; its name where it has none. */
  command: string;
  /** Under which numbers it has the socket open. */
  descriptors: number[];
}

/** Who holds which socket. */
export interface SocketHolders {
  /** By inode; a socket that nobody was seen to hold is not in it. */
  readonly byInode: ReadonlyMap<string, readonly Holder[]>;
  /** How many processes could not be looked at: they may hold any of them. */
  readonly unreadable: number;
}

/** Options of {@linkcode holdersOf}. */
export interface HolderOptions {
  /** Processes to leave out, such as the daemon's own. Default: none. */
  except?: readonly number[];
  /** Ends the search with the signal's reason. Default: none. */
  signal?: AbortSignal;
}

/**
 * Looks through /proc for the processes that hold the sockets of a list
 * (proc_pid_fd(5)): who accepts on them. Best effort: the processes of other
 * users are for root alone to look at, those of other PID namespaces for
 * nobody here, and what comes or goes meanwhile may be missed. The daemon holds
 * every one of its sockets; `except` leaves it out. It needs `--allow-ffi` for
 * the C library and nothing else.
 *
 * @throws {OsError} when there is no /proc.
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
 * if (unreadable > 0) console.log(`${unreadable} processes were not looked at`);
 * ```
 */
export async function holdersOf(
  binds: Iterable<Partial<Pick<BindDescription, "inode">>>,
  { except = [], signal }: HolderOptions = {},
): Promise<SocketHolders> {
  signal?.throwIfAborted();
  const wanted = new Map<string, string>();
  for (const { inode } of binds) {
    // An older daemon does not tell it.
    if (inode !== undefined) wanted.set(`socket:[${inode}]`, inode);
  }
  const byInode = new Map<string, Holder[]>();
  const users = new Map<number, string>();
  let unreadable = 0;
  let turn = performance.now();
  for (const name of wanted.size === 0 ? [] : namesIn("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || except.includes(pid)) continue;
    const found = unlessGone(() => holdingsOf(pid, wanted));
    if (found === "denied") {
      if (mayHaveDescriptors(pid)) unreadable++;
    } else if (found !== undefined && found.size > 0) {
      const whose = unlessGone(() => identityOf(pid, users));
      if (whose === "denied") unreadable++;
      if (whose === undefined || whose === "denied") continue;
      for (const [inode, descriptors] of found) {
        const holders = byInode.get(inode) ?? [];
        byInode.set(inode, holders);
        holders.push({ pid, ...whose, descriptors });
      }
    }
    if (performance.now() - turn < LONGEST_TURN) continue;
    await new Promise((resolve) => setTimeout(resolve, 0));
    signal?.throwIfAborted();
    turn = performance.now();
  }
  return { byInode, unreadable };
}

/** How long others have to wait for a turn of the event loop, in ms. */
const LONGEST_TURN = 10;

const GONE: ReadonlySet<string> = new Set(["ENOENT", "ESRCH"]);
const DENIED: ReadonlySet<string> = new Set(["EACCES", "EPERM"]);

/** `undefined` of a process that has ended meanwhile. */
function unlessGone<T>(look: () => T): T | "denied" | undefined {
  try {
    return look();
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    if (GONE.has(error.code)) return undefined;
    if (DENIED.has(error.code)) return "denied";
    throw error;
  }
}

/** Which of the wanted sockets a process has open, by inode. */
function holdingsOf(
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

/** The kernel's own threads (`PF_KTHREAD` of its sched.h). */
const KERNEL_THREAD = 0x00200000;

/** False of the kernel's threads and of who has ended (proc_pid_stat(5)). */
function mayHaveDescriptors(pid: number): boolean {
  const stat = unlessGone(() => textOf(`/proc/${pid}/stat`));
  if (stat === undefined) return false;
  // The name before it may have spaces and brackets of its own.
  const [state = "", , , , , , flags] = stat.slice(stat.lastIndexOf(")") + 2)
    .split(" ");
  return !/[ZX]/i.test(state) && (Number(flags) & KERNEL_THREAD) === 0;
}

/** proc_pid_status(5) and proc_pid_cmdline(5); `users` are known already. */
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
    // Names may come over a network, and not come.
    if (error instanceof OsError) return String(uid);
    throw error;
  }
}

const decoder = new TextDecoder();

function textOf(path: string): string {
  return decoder.decode(readFile(path));
}
