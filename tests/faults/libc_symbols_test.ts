import { assertEquals } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import { FAILING, NOT_THE_DAEMONS, UNFAILING } from "./libc_symbols.ts";

Deno.test("every function of the C library that we call is listed once: as one that can fail in a daemon, cannot fail, or is not a daemon's", () => {
  const listed = [...Object.keys(FAILING), ...UNFAILING, ...NOT_THE_DAEMONS];
  assertEquals(listed.sort(), Object.getOwnPropertyNames(libc()).sort());
});
