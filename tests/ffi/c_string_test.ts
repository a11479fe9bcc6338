import { assertEquals, assertThrows } from "@std/assert";
import { cString, textAt } from "../../ffi/libc/c_string.ts";
import { bytesAt, NativeMemory } from "../../ffi/libc/memory.ts";

for (const text of ["", "plain", "日本 ü 🦕"]) {
  Deno.test(`a C string decodes to the text that was encoded: ${JSON.stringify(text)}`, () => {
    const bytes = cString(text);
    assertEquals(bytes.at(-1), 0);
    using memory = NativeMemory.of(bytes);
    assertEquals(textAt(memory.address), text);
    assertEquals(bytesAt(memory.address, bytes.length), bytes);
  });
}

Deno.test("a text that contains a NUL is refused", () => {
  assertThrows(() => cString("/run/a\0b"), TypeError, "NUL");
});

Deno.test("NULL decodes to undefined", () => {
  assertEquals(textAt(0n), undefined);
});
