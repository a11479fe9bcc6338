import { assert, assertEquals, assertThrows } from "@std/assert";
import { check, Errno, errnoName, OsError } from "../../ffi/libc/errno.ts";
import { libc } from "../../ffi/libc/libc.ts";
import { lacks } from "../support/foreign_program.ts";
import { Program } from "../support/program.ts";

async function run(command: string, ...args: string[]): Promise<string> {
  await using program = Program.start(command, { args });
  const { code, output, errors } = await program.end();
  assertEquals({ code, errors }, { code: 0, errors: "" });
  return output;
}

const DEFINITION = /^#define (E\w+) (\w+)$/gm;

/** The definitions of the C compiler's <errno.h>, with synonyms. */
async function defined(): Promise<Map<string, number>> {
  const args = ["-E", "-dM", "-include", "errno.h", "-x", "c", "/dev/null"];
  const macros = new Map(
    Array.from(
      (await run("cc", ...args)).matchAll(DEFINITION),
      ([, name, value]) => [name!, value!],
    ),
  );
  return new Map(
    Array.from(macros, ([name, value]) => [
      name,
      Number(macros.get(value) ?? value),
    ]),
  );
}

Deno.test({
  name: "every errno has the name and number of the C compiler's header",
  ignore: await lacks("cc"),
  fn: async () => {
    const names = await defined();
    const numbers = new Set(names.values());
    assert(numbers.size > 120);
    for (const number of numbers) {
      const name = errnoName(number);
      assertEquals([name, names.get(name)], [name, number]);
    }
    for (let number = 1; number <= 140; number++) {
      if (numbers.has(number)) continue;
      assertEquals(errnoName(number), `E${number}`);
    }
    for (const [name, number] of Object.entries(Errno)) {
      assertEquals([name, names.get(name)], [name, number]);
    }
  },
});

const TEXTS = `
import json, os
print(json.dumps([os.strerror(number) for number in range(134)]))
`;

Deno.test({
  name: "every OsError has the C library's text",
  ignore: await lacks("python3"),
  fn: async () => {
    const texts: string[] = JSON.parse(await run("python3", "-c", TEXTS));
    for (const [number, text] of texts.entries()) {
      const { message } = new OsError("call", number);
      assertEquals(message, `call: ${text} (${errnoName(number)})`);
    }
  },
});

Deno.test("an errno without a name is E and the number", () => {
  for (const number of [0, -1, 41, 58, 134, 100_000]) {
    assertEquals(errnoName(number), `E${number}`);
  }
});

Deno.test("an OsError has the call, its subject and the reason", () => {
  const error = new OsError("bind", 98, "127.0.0.1:80");
  assertEquals(
    error.message,
    "bind 127.0.0.1:80: Address already in use (EADDRINUSE)",
  );
  const { name, errno, code, syscall } = error;
  assertEquals({ name, errno, code, syscall }, {
    name: "OsError",
    errno: 98,
    code: "EADDRINUSE",
    syscall: "bind",
  });
  assert(error instanceof Error);
});

Deno.test("check() returns a result, and throws an OsError after a failure", () => {
  assertEquals(check(0, "call"), 0);
  assertEquals(check(7n, "call"), 7);
  const error = assertThrows(
    () => check(libc().close(-1), "close", "nothing"),
    OsError,
  );
  assertEquals([error.code, error.syscall], ["EBADF", "close"]);
});
