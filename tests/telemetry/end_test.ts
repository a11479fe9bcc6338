import { assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { Daemon } from "../daemon.ts";
import { Collector } from "./collector.ts";

/** As often as showed the hang before: 8 of 20 daemons never ended. */
const DAEMONS = 12;

Deno.test("a daemon ends in the midst of an export of metrics", async () => {
  await using collector = new Collector();
  const env = { ...collector.env, OTEL_METRIC_EXPORT_INTERVAL: "20" };
  for (let count = 0; count < DAEMONS; count++) {
    await using daemon = await Daemon.start({ env });
    (await bind("127.0.0.1", 0, { sock: daemon.sock })).close();
    assertEquals((await daemon.stop()).code, 0);
  }
});
