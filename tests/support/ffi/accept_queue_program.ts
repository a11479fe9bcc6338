/**
 * Prints the length of an inherited socket's accept queue:
 * `deno run accept_queue_program.ts KIND FD [full]`. With `full` it first opens
 * descriptors up to the limit.
 *
 * @module
 */
import { waitingConnections } from "../../../ffi/sockets/accept_queue.ts";

const [kind, fd, full] = Deno.args;
if (kind !== "tcp" && kind !== "unix") throw new TypeError(`kind ${kind}`);
// Opens the C library before the limit is reached.
waitingConnections(Number(fd), kind);
const files: Deno.FsFile[] = [];
try {
  while (full !== undefined) files.push(Deno.openSync("/dev/null"));
} catch {
  // EMFILE.
}
const waiting = waitingConnections(Number(fd), kind);
for (const file of files) file.close();
console.log(JSON.stringify({ waiting: waiting ?? null }));
