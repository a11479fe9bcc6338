import type { Binding } from "../binding/binding.ts";
import type { BindOptions } from "./bind.ts";
import { readTarget } from "./bind_arguments.ts";
import { bindTogether } from "./bind_all.ts";
import { checkOptions } from "./known_options.ts";
import { limitsOf } from "./options.ts";
import { socketPath } from "./socket_path.ts";
import { run } from "./waiting.ts";

/**
 * Asks the daemon for all sockets of a group that share one TCP or UDP address: all of
 * them or none.
 *
 * Each socket has its own accept queue, and the kernel spreads new connections
 * evenly over the queues. The result has the order of the shards: socket 0 is the
 * one that {@linkcode bind} gets for the address. `bindShards` for fewer sockets than
 * before leaves the others open: they get no new connections, and `release` with
 * `shard` closes them. `timeout` is in ms (default: 10000).
 *
 * @param address an address for {@linkcode parseAddress}
 * @param shards the number of sockets, 1 to 64
 *
 * @throws the same errors as {@linkcode bind}; the message names the address.
 *
 * @example
 * ```ts no-eval
 * import { bindShards, spawn } from "jsr:@multibinder/client";
 *
 * const sockets = await bindShards("127.0.0.1:8000", 4);
 * for (const web of sockets) {
 *   spawn("deno", { args: ["run", "-A", "worker.ts"], bindings: { web } });
 *   web.close();
 * }
 * ```
 */
export async function bindShards(
  address: string,
  shards: number,
  options: Omit<BindOptions, "shard" | "shards"> = {},
): Promise<Binding[]> {
  checkOptions("bindShards", options);
  const { target } = readTarget(address, []);
  const { sock, timeout: _, signal: __, ...ofSocket } = options;
  const wanted = Array.from({ length: Math.max(shards, 1) }, (_, shard) => ({
    address: target,
    options: { ...ofSocket, shard, shards },
  }));
  return await run(bindTogether(socketPath(sock), wanted), limitsOf(options));
}
