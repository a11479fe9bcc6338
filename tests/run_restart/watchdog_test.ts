import { assertEquals } from "@std/assert";
import { lacks } from "../support/foreign_program.ts";
import { PYTHON, Supervised } from "../support/run/supervised.ts";
import { Watchdog } from "../../supervisor/restarts/watchdog.ts";
import { eventually } from "../support/eventually.ts";

const ignore = await lacks(PYTHON);

for (const ready of ["notify", "delay:1ms"]) {
  Deno.test({
    name:
      `--watchdog with --ready ${ready}: a program that stops sending WATCHDOG=1 is aborted and restarted`,
    ignore,
    fn: async () => {
      await using service = await Supervised.serving(undefined, {
        options: ["--ready", ready, "--watchdog", "2s"],
      });
      const { variables, pid } = await service.ask("/alive");
      assertEquals(variables.WATCHDOG_USEC, "2000000");
      assertEquals(variables.WATCHDOG_PID, String(pid));
      await service.plan({ name: "v2", ready: "notify" });
      await service.says("no WATCHDOG=1 within 2 s (--watchdog), killed");
      await service.says(`process ${pid} ended with SIGABRT`);
      await service.says("restarting at once");
      await service.says("generation 2: ready");
    },
  });
}

Deno.test("the watchdog looks at what has arrived before it expires", async () => {
  const events: string[] = [];
  let arrived = 1;
  using watchdog = new Watchdog(
    10,
    () => {
      if (arrived-- > 0) watchdog.report();
      events.push("received");
    },
    () => events.push("expired"),
  );
  watchdog.report();
  watchdog.start();
  await eventually("expired", () => events.includes("expired"));
  assertEquals(events, ["received", "received", "expired"]);
});
