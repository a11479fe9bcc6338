/** A program whose child writes to standard error and /dev/null. */
import { spawn } from "../../../client.ts";

const { code } = await spawn("/bin/sh", {
  args: ["-c", 'echo to nowhere; printf "to standard error" >&2; read line'],
  stdin: "null",
  stdout: "null",
  stderr: 2,
}).status;
// /dev/null has nothing to read.
Deno.exit(code === 1 ? 0 : 1);
