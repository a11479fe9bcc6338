import { assertEquals } from "@std/assert";
import { isPeerClosed } from "../../ffi/files/peer_closed.ts";
import { connectedPair } from "../support/ffi/connected_pair.ts";

Deno.test("isPeerClosed() is true after the other end is closed", () => {
  using pair = connectedPair();
  assertEquals(isPeerClosed(pair.near.fd), false);
  pair.far.close();
  assertEquals(isPeerClosed(pair.near.fd), true);
});
