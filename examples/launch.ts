/**
 * Starts a child program that serves on the socket. The child inherits the
 * descriptor and does not use multibinder.
 *
 * ```sh
 * MULTIBINDER_SOCK=/run/multibinder.sock \
 *   deno run --allow-ffi=/lib/x86_64-linux-gnu/libc.so.6 --allow-run examples/launch.ts
 * ```
 *
 * @module
 */
import { bind } from "../client.ts";

const [host = "127.0.0.1", port = "8000"] = Deno.args;
using web = await bind(host, Number(port));

const script = new URL("./launched.ts", import.meta.url).pathname;
const child = new Deno.Command(Deno.execPath(), {
  args: ["run", "--no-prompt", script, `${web.fd}`],
}).spawn();

Deno.addSignalListener("SIGTERM", () => child.kill("SIGTERM"));
const { code } = await child.status;
console.log("the child ended with status", code);
Deno.exit();
