/**
 * Prints what an inherited listening socket tells where sock_diag(7) does not:
 * `deno run accept_queue_program.ts KIND FD [full]`. With `full` no descriptor
 * is left to ask through.
 *
 * @module
 */
import { waitingConnections } from "../../../ffi/sockets/accept_queue.ts";

const [kind, fd, full] = Deno.args;
if (kind !== "tcp" && kind !== "unix") throw new TypeError(`kind ${kind}`);
// Opens what is opened once.
waitingConnections(Number(fd), kind);
const files: Deno.FsFile[] = [];
try {
  while (full !== undefined) files.push(Deno.openSync("/dev/null"));
} catch {
  // The last one is taken.
}
const waiting = waitingConnections(Number(fd), kind);
for (const file of files) file.close();
console.log(JSON.stringify({ waiting: waiting ?? null }));
