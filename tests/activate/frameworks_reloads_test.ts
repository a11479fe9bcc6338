import { portAt } from "../support/activate/activated.ts";
import {
  FRAMEWORKS,
  lacksFrameworks,
  RunningFramework,
  underLoad,
} from "../support/activate/frameworks.ts";
import { Daemon } from "../support/daemon.ts";

const RELOADS = 10;

const ignore = await lacksFrameworks();

for (const framework of FRAMEWORKS) {
  Deno.test({
    name:
      `examples/frameworks/${framework}.mjs, unmodified: ten reloads under load lose no request`,
    ignore,
    fn: async () => {
      await using daemon = await Daemon.start();
      const port = await portAt(daemon, ":0");
      await using service = await RunningFramework.start(
        framework,
        daemon,
        port,
      );
      const reloads = Array.from(
        { length: RELOADS },
        () => () => service.reload(),
      );
      await underLoad(port, [framework], reloads);
    },
  });
}
