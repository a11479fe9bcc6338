/**
 * Lets an unmodified program listen on shared sockets, as the module of
 * `--preload`:
 *
 * ```sh
 * multibinder-client run 127.0.0.1:8000 -- \
 *   deno run -A --preload jsr:@multibinder/client/activate main.ts
 * ```
 *
 * `Deno.serve`, `Deno.listen` and servers of `node:http`, `node:https` and
 * `node:net` get the shared socket of their address if it was passed (LISTEN_FDS),
 * or if the daemon at MULTIBINDER_SOCK binds it. Other addresses and port 0 are
 * not changed. SIGTERM drains these servers and ends the program with exit code
 * 0, unless the program listens for SIGTERM.
 *
 * Where a socket cannot be shared, one line on standard error says why, and the
 * program listens itself, as without this module. Node servers need Deno 2.8.
 *
 * @module
 */
import { isOlder } from "../../ffi/libc/deno_version.ts";
import { OLDEST_DENO } from "../../version.ts";
import { shareDenoServers } from "./deno_servers.ts";
import { observeSigtermListeners } from "./drain_on_sigterm.ts";
import { shareNodeServers } from "./node_servers.ts";
import { report } from "./report.ts";
import { isConfigured } from "./shared_sockets.ts";

if (!isOlder(OLDEST_DENO)) {
  observeSigtermListeners();
  shareDenoServers();
  shareNodeServers();
} else if (isConfigured()) {
  report(
    `no socket is shared: Deno ${OLDEST_DENO} or newer is needed, this is ${Deno.version.deno}`,
  );
}
