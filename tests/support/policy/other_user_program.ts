/**
 * Sends each line of its standard input on one connection to the control
 * socket, and prints the answer: see other_user.ts.
 *
 * @module
 */
import { RawConnection } from "../raw_connection.ts";

function print(line: string): void {
  const bytes = new TextEncoder().encode(line + "\n");
  for (let at = 0; at < bytes.length;) {
    at += Deno.stdout.writeSync(bytes.subarray(at));
  }
}

using connection = RawConnection.open(Deno.args[0]!);
print("connected");
let rest = "";
for await (
  const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())
) {
  const lines = (rest + text).split("\n");
  rest = lines.pop()!;
  for (const line of lines) {
    await connection.send(line);
    const received = await connection.next();
    print(JSON.stringify({
      answer: received === undefined ? null : JSON.parse(received.text),
      descriptors: received?.descriptors.map((fd) =>
        Deno.readLinkSync(`/proc/self/fd/${fd}`)
      ) ?? [],
    }));
  }
}
