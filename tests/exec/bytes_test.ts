import { assertEquals } from "@std/assert";
import { isOlder } from "../../ffi/libc/deno_version.ts";
import { losslessCString, losslessText } from "../../ffi/libc/c_string.ts";
import { clientCommand } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { within } from "../support/program.ts";

/** Bytes as printf(1) of a shell writes them: some are and some are no UTF-8. */
const BYTES: readonly [what: string, octal: string, bytes: number[]][] = [
  ["a single byte", "a\\377", [0x61, 0xff]],
  ["half a character", "\\346\\227z", [0xe6, 0x97, 0x7a]],
  ["an encoded surrogate", "\\355\\240\\200", [0xed, 0xa0, 0x80]],
  ["bytes that a shell uses itself", "\\201\\202\\210", [0x81, 0x82, 0x88]],
  ["a byte order mark", "\\357\\273\\277q", [0xef, 0xbb, 0xbf, 0x71]],
  ["UTF-8 beside other bytes", "\\303\\274\\377", [0xc3, 0xbc, 0xff]],
];

/**
 * Stops `run`, and waits to be ended by it: a program that has ended before `run`
 * receives the signal is restarted.
 */
const STOP = "kill $PPID; exec sleep 600";

/**
 * What a command writes. `$X` is the text with the bytes, and "$@" the client's
 * command line.
 */
async function outputOf(
  daemon: Daemon,
  octal: string,
  script: string,
): Promise<number[]> {
  const command = new Deno.Command("sh", {
    args: [
      "-c",
      `X=$(printf '${octal}'); ${script}`,
      "sh",
      ...clientCommand([]),
    ],
    env: { MULTIBINDER_SOCK: daemon.sock },
    stderr: "null",
  });
  const { stdout } = await within(command.output(), "the end of the client");
  return [...stdout];
}

/** An older Deno does not start with such arguments. */
function argumentTest(test: Deno.TestDefinition): void {
  if (!isOlder("2.9.0")) Deno.test(test);
}

for (const [what, octal, bytes] of BYTES) {
  argumentTest({
    name: `exec passes an argument byte for byte: ${what}`,
    fn: async () => {
      await using daemon = await Daemon.start();
      const script = '"$@" exec 127.0.0.1:0 -- printf %s "$X"';
      assertEquals(await outputOf(daemon, octal, script), bytes);
    },
  });

  argumentTest({
    name: `run passes an argument byte for byte: ${what}`,
    fn: async () => {
      await using daemon = await Daemon.start();
      const script =
        `"$@" run 127.0.0.1:0 -- sh -c 'printf %s "$1"; ${STOP}' sh "$X"`;
      assertEquals(await outputOf(daemon, octal, script), bytes);
    },
  });

  Deno.test(`exec passes the environment byte for byte: ${what}`, async () => {
    await using daemon = await Daemon.start();
    const script =
      'export X; "$@" exec 127.0.0.1:0 -- sh -c \'printf %s "$X"\'';
    assertEquals(await outputOf(daemon, octal, script), bytes);
  });

  Deno.test(`run passes the environment byte for byte: ${what}`, async () => {
    await using daemon = await Daemon.start();
    // The dotted name makes run start the command without a shell.
    for (const name of ["", "a.b=c"]) {
      const script =
        `export X; env ${name} "$@" run 127.0.0.1:0 -- sh -c 'printf %s "$X"; ${STOP}'`;
      assertEquals(await outputOf(daemon, octal, script), bytes);
    }
  });
}

Deno.test("all pairs of bytes keep their value as a text", () => {
  for (let one = 1; one < 256; one++) {
    for (let other = 1; other < 256; other++) {
      const bytes = Uint8Array.of(one, other);
      assertEquals(
        losslessCString(losslessText(bytes)).subarray(0, -1),
        bytes,
      );
    }
  }
});
