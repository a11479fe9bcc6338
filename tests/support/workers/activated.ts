/**
 * A service that knows nothing of the daemon: `Deno.serve` on PORT. It is run with
 * the preload of client/activate, and answers as service.ts does.
 */
import { ServiceManager } from "../../../ffi/systemd/service_manager.ts";

const worker = Deno.env.get("MULTIBINDER_WORKER");
Deno.serve({
  hostname: "127.0.0.1",
  port: Number(Deno.env.get("PORT")),
  onListen: () =>
    ServiceManager.fromEnvironment(console.error)?.ready(`worker ${worker}`),
}, () => new Response(`${worker} ${Deno.pid} v1`));
