import { assertEquals } from "@std/assert";
import { RestartPause } from "../../client/run/restart_pause.ts";

Deno.test("pauses grow from none to half a minute", () => {
  const pause = new RestartPause();
  assertEquals(Array.from({ length: 11 }, () => pause.after(9_999)), [
    ...[0, 250, 500, 1000, 2000, 4000, 8000, 16000],
    ...[30000, 30000, 30000],
  ]);
});

Deno.test("who has run for ten seconds, or was changed, is started at once", () => {
  const pause = new RestartPause();
  pause.after(0);
  pause.after(0);
  assertEquals(pause.after(10_000), 0);
  assertEquals(pause.after(0), 250);
  pause.reset();
  assertEquals(pause.after(0), 0);
});
