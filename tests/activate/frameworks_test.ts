import { portAt } from "../support/activate/activated.ts";
import {
  FRAMEWORKS,
  lacksFrameworks,
  reloadUnderLoad,
  RunningFramework,
  timesUnderLoad,
} from "../support/activate/frameworks.ts";
import { Daemon } from "../support/daemon.ts";

const ignore = await lacksFrameworks();

for (const framework of FRAMEWORKS) {
  Deno.test({
    name:
      `examples/frameworks/${framework}.mjs, unmodified: a reload under load loses no request`,
    ignore,
    fn: () => timesUnderLoad(framework, 1),
  });
}

for (const [one, two] of [["express", "hono"], ["fastify", "koa"]] as const) {
  Deno.test({
    name:
      `${one} and ${two} at once on one port: reloads of both under load lose no request`,
    ignore,
    fn: async () => {
      await using daemon = await Daemon.start();
      const port = await portAt(daemon, ":0");
      await using first = await RunningFramework.start(one, daemon, port);
      await using second = await RunningFramework.start(two, daemon, port);
      await reloadUnderLoad(port, [one, two], [
        () => first.reload(),
        () => second.reload(),
      ]);
    },
  });
}
