import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { NativeMemory } from "../../ffi/libc/memory.ts";

Deno.test("native memory holds the bytes that were written", () => {
  using memory = NativeMemory.of(Uint8Array.of(1, 2, 3, 4));
  assertEquals(memory.size, 4);
  const all = new Uint8Array(4);
  memory.read(all);
  assertEquals(all, Uint8Array.of(1, 2, 3, 4));
  memory.write(Uint8Array.of(9, 8), 1);
  const part = new Uint8Array(2);
  memory.read(part, 0);
  assertEquals(part, Uint8Array.of(9, 2));
  memory.read(part, 2);
  assertEquals(part, Uint8Array.of(3, 4));
});

Deno.test("an empty block has an address", () => {
  using memory = NativeMemory.of(new Uint8Array(0));
  assertNotEquals(memory.address, 0n);
});

const BEYOND: [what: string, action: (memory: NativeMemory) => void][] = [
  ["a write of more than fits", (memory) => memory.write(new Uint8Array(5))],
  [
    "a write of more than is given",
    (memory) => memory.write(new Uint8Array(2), 3),
  ],
  ["a read of more than there is", (memory) => memory.read(new Uint8Array(5))],
  [
    "a read that begins too late",
    (memory) => memory.read(new Uint8Array(2), 3),
  ],
  [
    "a read that begins before the block",
    (memory) => memory.read(new Uint8Array(2), -1),
  ],
  [
    "a read into less than is asked for",
    (memory) => memory.read(new Uint8Array(1), 0, 2),
  ],
];

for (const [what, action] of BEYOND) {
  Deno.test(`native memory refuses ${what}`, () => {
    using memory = new NativeMemory(4);
    assertThrows(() => action(memory), RangeError);
  });
}

Deno.test("a block that is disposed of twice is freed once", () => {
  const memory = new NativeMemory(64);
  memory[Symbol.dispose]();
  using other = new NativeMemory(64);
  memory[Symbol.dispose]();
  using third = new NativeMemory(64);
  assertNotEquals(third.address, other.address);
});
