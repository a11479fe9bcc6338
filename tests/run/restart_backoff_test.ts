import { assertEquals } from "@std/assert";
import { RestartBackoff } from "../../supervisor/restart_backoff.ts";

Deno.test("the pauses grow from 0 to 30 s", () => {
  const backoff = new RestartBackoff();
  assertEquals(Array.from({ length: 11 }, () => backoff.pauseAfter(9_999)), [
    ...[0, 250, 500, 1000, 2000, 4000, 8000, 16000],
    ...[30000, 30000, 30000],
  ]);
});

Deno.test("the pause is 0 after a run of ten seconds and after a reset", () => {
  const backoff = new RestartBackoff();
  backoff.pauseAfter(0);
  backoff.pauseAfter(0);
  assertEquals(backoff.pauseAfter(10_000), 0);
  assertEquals(backoff.pauseAfter(0), 250);
  backoff.reset();
  assertEquals(backoff.pauseAfter(0), 0);
});
