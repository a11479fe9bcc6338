/**
 * A client program with one descriptor left. The connection takes it, and none is
 * left for the answer or for waiting. Prints the errors and the number of free
 * descriptors after them.
 *
 * @module
 */
import { bind, bindSync } from "../../../client.ts";

/** Opens files until no more can be opened. */
function openAll(): Deno.FsFile[] {
  const files: Deno.FsFile[] = [];
  while (true) {
    try {
      files.push(Deno.openSync("/dev/null"));
    } catch {
      return files;
    }
  }
}

(await bind("127.0.0.1", 0)).close();
const files = openAll();
files.pop()!.close();

async function reasonOf(action: () => unknown): Promise<string> {
  try {
    await action();
    return "none";
  } catch (error) {
    return error instanceof Error
      ? `${error.name}: ${error.message}`
      : String(error);
  }
}

const blocking = await reasonOf(() => bindSync("127.0.0.1", 0));
const waiting = await reasonOf(() => bind("127.0.0.1", 0));
console.log(JSON.stringify({ blocking, waiting, left: openAll().length }));
