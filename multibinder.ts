/**
 * The program that `deno task compile` makes one binary of: the daemon as
 * `multibinder server`, the client's commands as `multibinder exec` and so on.
 * A side is loaded only when it is asked for.
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
  Deno.exit(
    await main(Deno.args, {
      name: "multibinder",
      purpose:
        "Binds LISTEN sockets for other programs and hands them over a control socket.",
      furtherCommands:
        `  ${SERVER} [options] PATH             the daemon, with its control socket at PATH\n`,
    }),
  );
}
