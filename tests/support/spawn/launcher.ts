/** A program that starts a Deno service with a socket. */
import { Binding, spawn } from "../../../client.ts";
import { executable } from "../../../ffi/processes/executable.ts";

const [fd, library] = Deno.args;
using web = Binding.from(Number(fd));
const service = new URL("./service.ts", import.meta.url).pathname;
const child = spawn(executable(), {
  args: [
    "run",
    "--no-prompt",
    `--allow-ffi=${library}`,
    "--allow-net=127.0.0.1",
    service,
  ],
  bindings: { web },
});
Deno.addSignalListener("SIGTERM", () => child.kill());
await child.status;
Deno.exit();
