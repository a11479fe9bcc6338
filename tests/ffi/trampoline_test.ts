import { assert, assertEquals, assertNotStrictEquals } from "@std/assert";
import { abi } from "../../ffi/abi.ts";
import { Errno, lastErrno } from "../../ffi/errno.ts";
import { libc } from "../../ffi/libc.ts";
import { cString } from "../../ffi/memory.ts";
import { openAtOnce, openLightly } from "../../ffi/trampoline.ts";
import { libcPath } from "../tree.ts";

/** Any number of calls that is often. */
const MANY = 300;

Deno.test("a function that is called often is replaced once, and gives the same answers without its trampoline and with it", () => {
  const symbol = { parameters: ["buffer"], result: "usize" } as const;
  const successors: unknown[] = [];
  const light = openLightly(libcPath, "strlen", symbol, (successor) => {
    assertEquals(successor(cString("with a trampoline")), 17n);
    successors.push(successor);
  });
  assertNotStrictEquals(light, openAtOnce(libcPath, "strlen", symbol));
  for (let length = 0; length < MANY; length++) {
    assertEquals(light(cString("x".repeat(length))), BigInt(length));
  }
  assertEquals(successors.length, 1);
});

Deno.test("arguments of every kind and number reach a function without a trampoline", () => {
  const open = (name: string, symbol: Deno.ForeignFunction) =>
    openLightly(libcPath, name, symbol, () => {});
  const getpid = open("getpid", { parameters: [], result: "i32" });
  assertEquals(getpid(), Deno.pid);
  const snprintf = open("snprintf", {
    parameters: ["buffer", "usize", "buffer", "i32", "u32", "i64"],
    result: "i32",
  });
  const text = new Uint8Array(64);
  const format = cString("%d %u %ld");
  const printed = "-2147483648 4294967295 -9223372036854775808";
  assertEquals(
    snprintf(text, 64n, format, -(2 ** 31), 2 ** 32 - 1, -(2n ** 63n)),
    printed.length,
  );
  assertEquals(
    new TextDecoder().decode(text.subarray(0, printed.length)),
    printed,
  );
  const close = open("close", { parameters: ["i32"], result: "i32" });
  assertEquals(close(-1), -1);
  const free = open("free", { parameters: ["usize"], result: "void" });
  assertEquals(free(0n), undefined);
});

Deno.test("errno is right at each of many failing calls", () => {
  const path = cString("/nowhere/at/all");
  for (let count = 0; count < MANY; count++) {
    assertEquals(libc().open(path, abi.O_RDONLY, 0), -1);
    assertEquals(lastErrno(), Errno.ENOENT);
  }
});

Deno.test("a function that somebody put in the place of one stays there", () => {
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
    assert(libc().getuid === counting);
  } finally {
    Object.defineProperty(libc(), "getuid", { value: real });
  }
});
