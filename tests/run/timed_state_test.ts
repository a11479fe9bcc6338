import { assertEquals } from "@std/assert";
import { TimedState } from "../../supervisor/timed_state.ts";
import { eventually } from "../support/eventually.ts";

type State = "on trial" | "serving" | "stopped";

Deno.test("a state ends by its deadline", async () => {
  const state = new TimedState<State>("serving");
  const then = () => state.enter("serving");
  state.enter("on trial", { after: 1, then });
  assertEquals(state.name, "on trial");
  await eventually("the end of the trial", () => state.is("serving"));
});

Deno.test("a deadline ends with its state", async () => {
  const state = new TimedState<State>("serving");
  const then = () => state.enter("serving");
  state.enter("on trial", { after: 1, then });
  state.enter("stopped");
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(state.is("serving", "on trial"), false);
  assertEquals(state.name, "stopped");
});
