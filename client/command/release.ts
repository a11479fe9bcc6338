import { hasHost, parseAddress } from "../../address.ts";
import { printErrors } from "../../ffi/files/standard_streams.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { processId } from "../../ffi/processes/process.ts";
import { type BindDescription, MAX_SHARDS } from "../../protocol.ts";
import { BindError } from "../session/errors.ts";
import { holdersOf } from "../session/holders.ts";
import type { ReleaseOptions, Session } from "../session/session.ts";
import { askDaemon } from "./ask_daemon.ts";
import type { Command } from "./command.ts";
import { holdersText } from "./list/holders_text.ts";
import { daemonOf, unseenReceivers } from "./list/listing.ts";
import { programName } from "./program_name.ts";
import { shownAddress } from "./shown_address.ts";
import { readAddress } from "./options/address.ts";
import { readOptions } from "./options/options.ts";
import { UsageError } from "../../given_options.ts";

const USAGE = `Usage: multibinder-client release [options] ADDR

Closes the daemon's copy of a socket. Other processes keep their copies, and
standard error names those that are known. The address is free when the last copy
is closed. Write ADDR and the options after it as list shows them.

  --device NAME        select the socket that is bound to this network interface;
                       ADDR%NAME means the same
  --v6only true|false  select the socket that refuses IPv4, or does not
  --shard N            select this socket of a group that shares the address
  --sock PATH          control socket of the daemon; default: MULTIBINDER_SOCK
  -h, --help           print this text
  -V, --version        print the version

Exit status: 0 done, 1 failed, 2 invalid command line.`;

interface Released extends Pick<ReleaseOptions, "v6only" | "device" | "shard"> {
  address: string;
}

async function release(
  { address, ...options }: Released,
  sock: string | undefined,
): Promise<number> {
  const holders = await askDaemon("release", sock, async (session) => {
    const before = await listed(session);
    const daemon = before.length === 0 ? undefined : await daemonOf(session);
    await session.release(address, options);
    if (before.length === 0) return "";
    const left = new Set((await listed(session)).map(({ inode }) => inode));
    const released = before.filter(({ inode }) => !left.has(inode));
    return await holdersLeft(released, daemon);
  });
  if (holders !== "") {
    const effect = hasFile(address)
      ? "no new connection reaches them, because its path is removed"
      : "the address is free when they have ended or closed it";
    const shown = shownAddress({ address, options });
    printErrors(
      `${programName()} release: ${shown} is released, and still held by ${holders}: ${effect}`,
    );
  }
  return 0;
}

/** Empty if the policy denies `list`. */
async function listed(session: Session): Promise<BindDescription[]> {
  try {
    return await session.list();
  } catch (error) {
    if (error instanceof BindError) return [];
    throw error;
  }
}

/** The processes that have a released socket, as text; empty if none is known. */
async function holdersLeft(
  released: readonly BindDescription[],
  daemon: number | undefined,
): Promise<string> {
  const except = [processId(), ...(daemon === undefined ? [] : [daemon])];
  try {
    const found = await holdersOf(released, { except });
    return released.map((bind) => {
      const holders = found.byInode.get(bind.inode) ?? [];
      const unseen = unseenReceivers(bind, holders, found, except);
      return holdersText(holders, unseen);
    }).filter((text) => text !== "").join(", ");
  } catch (error) {
    // The socket is released, /proc is not mounted.
    if (error instanceof OsError) return "";
    throw error;
  }
}

function hasFile(address: string): boolean {
  const parsed = parseAddress(address);
  return !hasHost(parsed) && !parsed.path.startsWith("@");
}

/** A host, port and network interface. */
const WITH_DEVICE = /^((?!unix:|seqpacket:|unixgram:).*:\d+)%([^%]+)$/s;

function readSelected(
  operands: readonly string[],
  device: string | undefined,
): Pick<Released, "address" | "device"> {
  const [operand, more] = operands;
  if (operand === undefined) throw new UsageError("an address is missing");
  if (more !== undefined) {
    throw new UsageError(`release takes one address, not also ${more}`);
  }
  const [, address = operand, suffix] = WITH_DEVICE.exec(operand) ?? [];
  if (suffix !== undefined && device !== undefined) {
    throw new UsageError(`the device is given twice: ${suffix} and ${device}`);
  }
  const chosen = device ?? suffix;
  readAddress(address);
  return { address, ...(chosen !== undefined && { device: chosen }) };
}

function readV6only(text: string | undefined): Pick<Released, "v6only"> {
  if (text === undefined) return {};
  if (text === "true" || text === "false") return { v6only: text === "true" };
  throw new UsageError(`invalid --v6only ${text}: expected true or false`);
}

function readShard(text: string | undefined): Pick<Released, "shard"> {
  if (text === undefined) return {};
  if (/^\d{1,2}$/.test(text) && Number(text) < MAX_SHARDS) {
    return { shard: Number(text) };
  }
  throw new UsageError(
    `invalid --shard ${text}: expected 0 to ${MAX_SHARDS - 1}`,
  );
}

/** The command `release`. */
export const releaseCommand: Command = {
  name: "release",
  usage: USAGE,
  parse: (args) => {
    const { operands, show, one } = readOptions(args, {
      values: ["device", "v6only", "shard"],
    });
    if (show !== undefined) return { show };
    const released = {
      ...readSelected(operands, one("device")),
      ...readV6only(one("v6only")),
      ...readShard(one("shard")),
    };
    const sock = one("sock");
    return { run: () => release(released, sock) };
  },
};
