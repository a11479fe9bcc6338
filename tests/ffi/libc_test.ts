import { assertEquals } from "@std/assert";
import { abi } from "../../ffi/libc/abi.ts";
import { cString } from "../../ffi/libc/c_string.ts";
import { Errno, lastErrno } from "../../ffi/libc/errno.ts";
import { libc } from "../../ffi/libc/libc.ts";
import { Program } from "../support/program.ts";
import { treePath } from "../support/tree.ts";

const EBADF = 9;

/** Enough calls for V8 to compile the loop. */
const MANY = 300;

function source(path: string): string {
  return `file://${treePath(path)}`;
}

Deno.test("errno is right after each of many failing calls", () => {
  const path = cString("/nowhere/at/all");
  for (let count = 0; count < MANY; count++) {
    assertEquals(libc().open(path, abi.O_RDONLY, 0), -1);
    assertEquals(lastErrno(), Errno.ENOENT);
  }
});

Deno.test("errno is right when the first call of a program fails", async () => {
  const script = `
    import { libc } from ${JSON.stringify(source("ffi/libc/libc.ts"))};
    import { lastErrno } from ${JSON.stringify(source("ffi/libc/errno.ts"))};
    console.log(libc().close(-1), lastErrno());
  `;
  await using program = Program.start(Deno.execPath(), {
    args: ["eval", script],
  });
  const { code, output, errors } = await program.end();
  assertEquals({ code, output, errors }, {
    code: 0,
    output: `-1 ${EBADF}`,
    errors: "",
  });
});

Deno.test("a function that a test replaces stays replaced", () => {
  const real = libc().getuid;
  let calls = 0;
  const counting = () => {
    calls++;
    return real();
  };
  Object.defineProperty(libc(), "getuid", { value: counting });
  try {
    for (let count = 0; count < MANY; count++) libc().getuid();
    assertEquals(calls, MANY);
  } finally {
    Object.defineProperty(libc(), "getuid", { value: real });
  }
});
