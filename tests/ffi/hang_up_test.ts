import { assertEquals } from "@std/assert";
import { hasHungUp } from "../../ffi/processes/hang_up.ts";
import { connectedPair } from "../support/ffi/connected_pair.ts";

Deno.test("who has closed the other end has hung up", () => {
  using pair = connectedPair();
  assertEquals(hasHungUp(pair.near.fd), false);
  pair.far.close();
  assertEquals(hasHungUp(pair.near.fd), true);
});
