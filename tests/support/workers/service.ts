/**
 * A service of several workers. It answers with the number of its worker, its
 * process and its version: service.ts PLAN, where PLAN is a file with the version.
 * The version "broken" exits before it is ready, with code 3; "held" serves once the
 * file PLAN.go_on exists. SIGTERM shuts it down gracefully.
 */
import { inherited } from "../../../client.ts";
import { ServiceManager } from "../../../ffi/systemd/service_manager.ts";
import { eventually } from "../eventually.ts";

const version = await Deno.readTextFile(Deno.args[0]!);
if (version === "broken") Deno.exit(3);
if (version === "held") {
  await eventually("go_on", async () => {
    const found = await Deno.stat(`${Deno.args[0]}.go_on`).catch(() => null);
    return found !== null;
  });
}
const worker = Deno.env.get("MULTIBINDER_WORKER");
const servers = inherited().map((binding) =>
  binding.serve(() => new Response(`${worker} ${Deno.pid} ${version}`), {
    onListen: () => {},
  })
);
Deno.addSignalListener("SIGTERM", async () => {
  await Promise.all(servers.map((server) => server.shutdown()));
  Deno.exit();
});
ServiceManager.fromEnvironment(console.error)?.ready(`worker ${worker}`);
