/**
 * Names the processes that occupy an address which the daemon cannot bind.
 *
 * @module
 */
import { type Address, hasHost, parseAddress } from "../../address.ts";
import { readFile } from "../../ffi/files/file.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { processId } from "../../ffi/processes/process.ts";
import { BindError } from "../session/errors.ts";
import { holdersOf } from "../session/holders.ts";
import { connectToRunning } from "../session/session.ts";
import { FetchError } from "./start/fetched_sockets.ts";
import { holdersText } from "./list/holders_text.ts";
import { commandHint, givenSocket } from "./program_name.ts";

/** How long the daemon may take to tell its PID, in ms. */
const TIMEOUT = 1_000;

/** A service keeps a socket that the daemon has released. */
const REMEDY =
  "perhaps with a socket that the daemon has released: end it, or let it get its socket from the daemon";

/**
 * Who holds the address of a failed bind, and what to do; `undefined` for another
 * error, and if nothing could be found. An error in the search must not hide the
 * first one.
 */
export async function occupiedBy(error: unknown): Promise<string | undefined> {
  if (!(error instanceof FetchError) || !isInUse(error.cause)) return undefined;
  try {
    const { pid } = await statusOfDaemon();
    const address = parseAddress(error.address);
    const inodes = inodesAt(address, pid).map((inode) => ({ inode }));
    const { byInode } = await holdersOf(inodes, { except: [processId()] });
    const holders = new Map(
      Array.from(byInode.values()).flat().map((each) => [each.pid, each]),
    );
    const what = hasHost(address) ? `port ${address.port}` : error.address;
    if (holders.has(pid)) {
      return `the daemon itself holds another socket of ${what}: \`${
        commandHint("list")
      }\` shows it`;
    }
    const text = holdersText([...holders.values()]);
    return text === "" ? undefined : `${what} is held by ${text}, ${REMEDY}`;
  } catch {
    return undefined;
  }
}

/** Whether the daemon could not bind because another socket has the address. */
export function isInUse(cause: unknown): boolean {
  if (!(cause instanceof BindError)) return false;
  const data = cause.data as { code?: unknown } | null | undefined;
  return data?.code === "EADDRINUSE";
}

async function statusOfDaemon(): Promise<{ pid: number }> {
  const sock = givenSocket();
  using session = await connectToRunning({ timeout: TIMEOUT, sock });
  return await session.status();
}

/** The sockets of the daemon's network namespace that have the address or port. */
function inodesAt(address: Address, daemon: number): string[] {
  const table = (name: string) => linesOf(`/proc/${daemon}/net/${name}`);
  if (!hasHost(address)) {
    // Columns of /proc/net/unix: ... inode and path, which is "@name" or a file.
    return table("unix").flatMap((line) => {
      const [, inode, path] = /^(?:\S+\s+){6}(\d+)\s+(.*)$/.exec(line) ?? [];
      return inode !== undefined && path === address.path ? [inode] : [];
    });
  }
  const { kind, port } = address;
  const lines = [...table(kind), ...table(`${kind}6`)];
  return lines.flatMap((line) => {
    // proc_pid_net(5): sl, local address:port in hexadecimal, ..., inode.
    const columns = line.trim().split(/\s+/);
    const [, local = "", , state] = columns;
    const isPort = parseInt(local.split(":").at(-1) ?? "", 16) === port;
    const isBound = kind === "udp" || state === LISTENING;
    const inode = columns[9];
    return isPort && isBound && inode !== undefined ? [inode] : [];
  });
}

/** TCP_LISTEN in the column `st`. */
const LISTENING = "0A";

function linesOf(path: string): string[] {
  try {
    return new TextDecoder().decode(readFile(path)).split("\n").slice(1);
  } catch (error) {
    // Without IPv6 there is no file for it.
    if (error instanceof OsError) return [];
    throw error;
  }
}
