/**
 * A service on Deno.serve that can be reloaded without a lost request. Under the
 * client's `run` or `exec`, or systemd, it serves on the inherited socket.
 * Otherwise it asks the daemon.
 *
 * ```sh
 * MULTIBINDER_SOCK=/run/multibinder.sock \
 *   deno run --allow-ffi=/lib/x86_64-linux-gnu/libc.so.6 --allow-net=127.0.0.1 examples/deno_serve.ts
 * ```
 *
 * @module
 */
import { bind, inherited } from "../client.ts";

const [host = "127.0.0.1", port = "8000", greeting = "hello"] = Deno.args;
const [web = await bind(host, Number(port))] = inherited();

const server = web.serve(() => new Response(`${greeting}\n`), {
  onListen: (addr) => console.log("serving", addr),
});

// shutdown() answers accepted connections. The accept queue stays for the next
// version.
Deno.addSignalListener("SIGTERM", async () => {
  await server.shutdown();
  Deno.exit();
});
