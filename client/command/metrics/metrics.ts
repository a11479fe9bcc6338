import { withstandSignals } from "../../../ffi/processes/block_signals.ts";
import { onSignals } from "../../../ffi/processes/signal_listeners.ts";
import {
  type Address,
  formatAddress,
  hasHost,
  type HostAddress,
  parseAddress,
} from "../../../address.ts";
import { printLines } from "../../../ffi/files/standard_streams.ts";
import { connectToRunning, type Session } from "../../session/session.ts";
import { askDaemon } from "../ask_daemon.ts";
import type { Command } from "../command.ts";
import { listing } from "../list/listing.ts";
import { readOptions } from "../options/options.ts";
import { UsageError } from "../../../given_options.ts";
import { exposition } from "./exposition.ts";
import { serveMetrics } from "./metrics_server.ts";

const USAGE = `Usage: multibinder-client metrics [options]

Prints the state of the daemon in the text format of Prometheus: sockets, their
accept queues and the number of processes that hold them, clients, requests,
refusals, descriptors, memory and generation.

  --listen ADDR        serve /metrics and /healthz over HTTP on ADDR, such as
                       127.0.0.1:9464, until SIGINT or SIGTERM; this needs
                       --allow-net for ADDR
  --sock PATH          control socket of the daemon; default: MULTIBINDER_SOCK
  -h, --help           print this text
  -V, --version        print the version

Exit status: 0 done, 1 failed, 2 invalid command line.`;

/** How long a request for /metrics waits for the daemon, in ms. */
const TIMEOUT = 2_000;

async function readFrom(session: Session, timeout?: number): Promise<string> {
  const options = timeout === undefined ? {} : { timeout };
  const status = await session.status(options);
  return exposition(status, await listing(session, { holders: true }, options));
}

async function print(sock: string | undefined): Promise<number> {
  const text = await askDaemon("metrics", sock, readFrom);
  printLines(text.trimEnd());
  return 0;
}

async function scrape(sock: string | undefined): Promise<string> {
  using session = await connectToRunning({ timeout: TIMEOUT, sock });
  return await readFrom(session, TIMEOUT);
}

async function serve(
  sock: string | undefined,
  address: HostAddress,
): Promise<number> {
  withstandSignals();
  const stop = new AbortController();
  using _signals = onSignals(["SIGINT", "SIGTERM"], () => stop.abort());
  await serveMetrics(address, () => scrape(sock), stop.signal);
  return 0;
}

function readListen(text: string | undefined): HostAddress | undefined {
  if (text === undefined) return undefined;
  let address: Address;
  try {
    address = parseAddress(text);
  } catch (error) {
    throw new UsageError(`--listen: ${(error as Error).message}`);
  }
  if (!hasHost(address) || address.kind !== "tcp") {
    const written = formatAddress(address);
    throw new UsageError(`--listen: ${written} is not a TCP address`);
  }
  return address;
}

/** The command `metrics`. */
export const metricsCommand: Command = {
  name: "metrics",
  usage: USAGE,
  parse: (args) => {
    const { operands, show, one } = readOptions(args, { values: ["listen"] });
    if (show !== undefined) return { show };
    if (operands.length > 0) {
      throw new UsageError(`metrics takes no arguments: ${operands.join(" ")}`);
    }
    const sock = one("sock");
    const address = readListen(one("listen"));
    return {
      run: () => address === undefined ? print(sock) : serve(sock, address),
    };
  },
};
