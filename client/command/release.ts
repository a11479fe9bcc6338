import { AddressError, parseAddress } from "../../address.ts";
import { connect } from "../session.ts";
import type { Command } from "./command.ts";
import { readOptions } from "./options.ts";
import { UsageError } from "./usage_error.ts";

const USAGE = `Usage: multibinder-client release [--sock PATH] ADDR

The daemon closes its copy of a socket. Who was handed one keeps it: the address
is free when the last of them has closed it.

  --sock PATH          the control socket; default: the variable MULTIBINDER_SOCK
  -h, --help           this text
  -V, --version        the version

Exit status: 0 done, 1 failed, 2 wrong usage.`;

async function release(
  address: string,
  sock: string | undefined,
): Promise<number> {
  using session = await connect(sock === undefined ? {} : { sock });
  await session.release(address);
  return 0;
}

function readAddress(words: readonly string[]): string {
  const [address, more] = words;
  if (address === undefined) throw new UsageError("an address is missing");
  if (more !== undefined) throw new UsageError(`one address, not also ${more}`);
  try {
    parseAddress(address);
    return address;
  } catch (error) {
    if (error instanceof AddressError) throw new UsageError(error.message);
    throw error;
  }
}

/** The command `release`. */
export const releaseCommand: Command = {
  name: "release",
  usage: USAGE,
  read: (args) => {
    const { words, asks, one } = readOptions(args);
    if (asks !== undefined) return { show: asks };
    const address = readAddress(words);
    const sock = one("sock");
    return { run: () => release(address, sock) };
  },
};
