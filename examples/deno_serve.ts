/**
 * A service on Deno.serve that is reloaded with no request lost. Started by the
 * client's `run` or `exec`, or by systemd, it serves on the socket it is
 * given; started by hand it asks the daemon.
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

// What was accepted is answered; what waits in the accept queue stays there
// for the next version.
Deno.addSignalListener("SIGTERM", async () => {
  await server.shutdown();
  Deno.exit();
});
