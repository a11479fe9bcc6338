/**
 * The program that `deno task compile` compiles: the daemon is
 * `multibinder server`, the client's commands are `multibinder exec` and so on.
 * It loads only the side that runs.
 *
 * @module
 */

import { requireSupportedDeno } from "./version.ts";

const SERVER = "server";

requireSupportedDeno(import.meta.main);

if (Deno.args[0] === SERVER) {
  const { main } = await import("./server/command_line.ts");
  Deno.exit(await main(Deno.args.slice(1), `multibinder ${SERVER}`));
} else {
  const { main } = await import("./client/command_line.ts");
  const { ownArguments } = await import("./ffi/processes/process.ts");
  Deno.exit(
    await main(ownArguments(), {
      name: "multibinder",
      purpose:
        "Binds listening sockets and passes them to other programs over a control socket.",
      furtherCommands:
        `  ${SERVER} [options] PATH             run the daemon with its control socket at PATH\n`,
      furtherUsages: async () => {
        const { usageOf } = await import("./server/options.ts");
        return { [SERVER]: usageOf(`multibinder ${SERVER}`) };
      },
    }),
  );
}
