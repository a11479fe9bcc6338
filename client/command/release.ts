import { AddressError, parseAddress } from "../../address.ts";
import { connect, type ReleaseOptions } from "../session/session.ts";
import type { Command } from "./command.ts";
import { readOptions } from "./options/options.ts";
import { UsageError } from "./options/usage_error.ts";

const USAGE = `Usage: multibinder-client release [options] ADDR

The daemon closes its copy of a socket. Who was handed one keeps it: the address
is free when the last of them has closed it. ADDR is as list shows it, with the
options that list shows behind it.

  --device NAME        the one that is bound to this network interface; also
                       ADDR%NAME
  --v6only true|false  the one that refuses IPv4, or does not
  --sock PATH          the control socket; default: the variable MULTIBINDER_SOCK
  -h, --help           this text
  -V, --version        the version

Exit status: 0 done, 1 failed, 2 wrong usage.`;

interface Released extends Pick<ReleaseOptions, "v6only" | "device"> {
  address: string;
}

async function release(
  { address, ...options }: Released,
  sock: string | undefined,
): Promise<number> {
  using session = await connect(sock === undefined ? {} : { sock });
  await session.release(address, options);
  return 0;
}

/** A host's address and the interface that it is bound to. */
const WITH_DEVICE = /^((?!unix:|seqpacket:|unixgram:).*:\d+)%([^%]+)$/s;

function readAddress(
  words: readonly string[],
  device: string | undefined,
): Pick<Released, "address" | "device"> {
  const [word, more] = words;
  if (word === undefined) throw new UsageError("an address is missing");
  if (more !== undefined) throw new UsageError(`one address, not also ${more}`);
  const [, address = word, suffix] = WITH_DEVICE.exec(word) ?? [];
  if (suffix !== undefined && device !== undefined) {
    throw new UsageError(`the device is given twice: ${suffix} and ${device}`);
  }
  const chosen = device ?? suffix;
  try {
    parseAddress(address);
    return { address, ...(chosen !== undefined && { device: chosen }) };
  } catch (error) {
    if (error instanceof AddressError) throw new UsageError(error.message);
    throw error;
  }
}

function readV6only(text: string | undefined): Pick<Released, "v6only"> {
  if (text === undefined) return {};
  if (text === "true" || text === "false") return { v6only: text === "true" };
  throw new UsageError(`--v6only ${text} is neither true nor false`);
}

/** The command `release`. */
export const releaseCommand: Command = {
  name: "release",
  usage: USAGE,
  read: (args) => {
    const { words, asks, one } = readOptions(args, {
      values: ["device", "v6only"],
    });
    if (asks !== undefined) return { show: asks };
    const released = {
      ...readAddress(words, one("device")),
      ...readV6only(one("v6only")),
    };
    const sock = one("sock");
    return { run: () => release(released, sock) };
  },
};
