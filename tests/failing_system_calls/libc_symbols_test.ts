import { assertEquals } from "@std/assert";
import { libc } from "../../ffi/libc/libc.ts";
import {
  FAILING,
  NOT_THE_DAEMONS,
  UNFAILING,
} from "../support/failing_system_calls/libc_symbols.ts";

Deno.test("every libc function in use is listed once: it can fail in the daemon, cannot fail, or is not used by the daemon", () => {
  const listed = [...Object.keys(FAILING), ...UNFAILING, ...NOT_THE_DAEMONS];
  assertEquals(listed.sort(), Object.getOwnPropertyNames(libc()).sort());
});
