import { assertEquals, assertThrows } from "@std/assert";
import { UnsupportedPlatformError } from "../../ffi/abi.ts";
import { maskHandler } from "../../ffi/mask_handler.ts";
import { lacks } from "../foreign_program.ts";
import { Scratch } from "../tree.ts";

async function run(command: string, ...args: string[]): Promise<void> {
  const process = new Deno.Command(command, { args, stdout: "null" });
  const { success, stderr } = await process.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** The bytes that an assembler makes of the text. */
async function assembled(tools: string, text: string): Promise<number[]> {
  await using scratch = await Scratch.make();
  const source = scratch.join("handler.s");
  const object = scratch.join("handler.o");
  const code = scratch.join("handler");
  await Deno.writeTextFile(source, `${text}\n`);
  await run(`${tools}-gcc`, "-c", "-o", object, source);
  await run(`${tools}-objcopy`, "-O", "binary", "-j", ".text", object, code);
  return [...await Deno.readFile(code)];
}

/** All beyond a byte: assemblers write shorter numbers shorter. */
const MASKS = [0x4203, 0x0200, 0xffff];

for (const arch of ["x86_64", "aarch64"]) {
  const tools = `${arch}-linux-gnu`;
  Deno.test({
    name: `${arch}: the handler is what the assembler makes of its text`,
    ignore: await lacks(`${tools}-gcc`, `${tools}-objcopy`),
    fn: async () => {
      for (const mask of MASKS) {
        const handler = maskHandler(arch, mask);
        const text = handler.map(({ assembly }) => assembly).join("\n");
        const bytes = handler.flatMap(({ bytes }) => bytes);
        assertEquals(await assembled(tools, text), bytes);
      }
    },
  });
}

Deno.test("there is no handler for other processors", () => {
  assertThrows(() => maskHandler("riscv64gc", 1), UnsupportedPlatformError);
});
