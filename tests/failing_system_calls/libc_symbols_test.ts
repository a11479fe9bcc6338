import { assertEquals } from "@std/assert";
import { libc } from "../../ffi/libc/libc.ts";
import {
  FAILING,
  NOT_THE_DAEMONS,
  UNFAILING,
} from "../support/failing_system_calls/libc_symbols.ts";

Deno.test("every function of the C library that we call is listed once: as one that can fail in a daemon, cannot fail, or is not a daemon's", () => {
  const listed = [...Object.keys(FAILING), ...UNFAILING, ...NOT_THE_DAEMONS];
  assertEquals(listed.sort(), Object.getOwnPropertyNames(libc()).sort());
});
