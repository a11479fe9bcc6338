import { assertEquals, assertThrows } from "@std/assert";
import { OsError } from "../../ffi/libc/errno.ts";
import { supplementaryGroups } from "../../ffi/sockets/peer_groups.ts";
import { streamSocket } from "../../ffi/sockets/socket.ts";
import { lacks } from "../support/foreign_program.ts";
import { Program } from "../support/program.ts";
import { treePath } from "../support/tree.ts";
import { connectedPair } from "../support/ffi/connected_pair.ts";

/** The groups of this process (proc_pid_status(5)). */
async function ownGroups(): Promise<number[]> {
  const status = await Deno.readTextFile("/proc/self/status");
  const [, groups = ""] = /^Groups:(.*)$/m.exec(status)!;
  return groups.trim().split(/\s+/).filter((each) => each !== "").map(Number);
}

Deno.test("the groups of a peer are its supplementary groups", async () => {
  using pair = connectedPair();
  assertEquals(supplementaryGroups(pair.far.fd), await ownGroups());
});

const AS_A_MEMBER = `
  import { supplementaryGroups } from "${new URL(
  "ffi/sockets/peer_groups.ts",
  `file://${treePath("")}`,
)}";
  import { socketPair } from "${new URL(
  "ffi/sockets/socket_pair.ts",
  `file://${treePath("")}`,
)}";
  const [near, far] = socketPair();
  const first = supplementaryGroups(far.fd);
  console.log(JSON.stringify([first, supplementaryGroups(near.fd)]));
`;

for (const count of [0, 1, 64, 65, 1000]) {
  Deno.test({
    name: `all of ${count} supplementary groups are reported`,
    ignore: Deno.uid() !== 0 || await lacks("setpriv"),
    fn: async () => {
      const groups = Array.from({ length: count }, (_, at) => 70_000 + at);
      const membership = count === 0
        ? ["--clear-groups"]
        : ["--groups", groups.join(",")];
      await using program = Program.start("setpriv", {
        args: [...membership, Deno.execPath(), "eval", AS_A_MEMBER],
      });
      const { code, output, errors } = await program.end();
      assertEquals({ code, errors }, { code: 0, errors: "" });
      assertEquals(JSON.parse(output), [groups, groups]);
    },
  });
}

Deno.test("a socket that is not connected has no peer", () => {
  using socket = streamSocket({ family: "unix", path: "" });
  const error = assertThrows(() => supplementaryGroups(socket.fd), OsError);
  assertEquals([error.code, error.syscall], ["ENODATA", "getsockopt"]);
});
