/**
 * Swaps a directory with a link as fast as it can until its standard input ends:
 * `swapping_program.ts DIRECTORY LINK`.
 *
 * @module
 */
import { rename } from "../../../ffi/files/file.ts";

const [directory, link] = Deno.args as [string, string];
const aside = `${directory}.aside`;

let ended = false;
const end = Deno.stdin.readable.pipeTo(new WritableStream()).then(() => {
  ended = true;
});
console.log("swapping");
while (!ended) {
  for (let turn = 0; turn < 1000; turn++) {
    rename(directory, aside);
    rename(link, directory);
    rename(directory, link);
    rename(aside, directory);
  }
  // The event loop has to run to notice the end of the input.
  await new Promise((resolve) => setTimeout(resolve, 0));
}
await end;
