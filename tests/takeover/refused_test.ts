import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { bind } from "../../client.ts";
import { socketOf } from "../support/binds/listening_socket.ts";
import { daemonCommand } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { Program } from "../support/program.ts";
import {
  daemonWithoutList,
  type OldServer,
  rubyServer,
} from "../support/takeover/old_server.ts";

const noRuby = await lacks("ruby");

/** Starts a daemon that has to fail. Returns its error. */
async function failure(sock: string, ...args: string[]): Promise<string> {
  const command = daemonCommand(sock, { args });
  await using program = Program.start(command[0]!, { args: command.slice(1) });
  const { code, errors, output } = await program.end();
  assertEquals(code, 1, errors);
  assert(!output.includes("Listening"), output);
  return errors;
}

/** A takeover that fails. */
interface Refused {
  what: string;
  args: string[];
  reason: string;
}

const REFUSED: Refused[] = [
  {
    what: "without addresses",
    args: ["--takeover"],
    reason: "cannot list its binds",
  },
  {
    what: "with an address it cannot bind",
    args: ["--takeover=127.0.0.1:0,192.0.2.1:80"],
    reason: "192.0.2.1:80",
  },
  {
    what: "without --takeover",
    args: [],
    reason: "--takeover",
  },
];

const KINDS: [string, boolean, () => Promise<OldServer>][] = [
  ["Ruby server", noRuby, rubyServer],
  ["daemon that cannot list", false, daemonWithoutList],
];

for (const [kind, ignore, start] of KINDS) {
  for (const { what, args, reason } of REFUSED) {
    Deno.test({
      name:
        `a takeover from a ${kind} ${what} fails with exit code 1 and changes nothing`,
      ignore,
      fn: async () => {
        await using old = await start();
        const { sock } = old;
        using before = await bind("127.0.0.1", 0, { sock });
        const { ino } = await Deno.lstat(sock);
        assertStringIncludes(await failure(sock, ...args), reason);
        assertEquals((await Deno.lstat(sock)).ino, ino);
        using after = await bind("127.0.0.1", 0, { sock });
        assertEquals(socketOf(after), socketOf(before));
        const folder = sock.slice(0, sock.lastIndexOf("/"));
        const sockets = [...Deno.readDirSync(folder)]
          .filter(({ name }) => name.startsWith("control.sock"));
        assertEquals(sockets.length, 1);
      },
    });
  }
}

Deno.test({
  name: "a takeover of an IPv6 address from a Ruby server fails",
  ignore: noRuby,
  fn: async () => {
    await using old = await rubyServer();
    const { sock } = old;
    const errors = await failure(sock, "--takeover=[::1]:0");
    assertStringIncludes(errors, "::1");
    (await bind("127.0.0.1", 0, { sock })).close();
  },
});

const WRONG = [
  "--takeover=127.0.0.1",
  "--takeover=udp://127.0.0.1:53",
  "--takeover=unix:/x",
];

for (const option of WRONG) {
  Deno.test(`${option} is a usage error`, async () => {
    const command = daemonCommand("/nowhere/control.sock", { args: [option] });
    await using program = Program.start(command[0]!, {
      args: command.slice(1),
    });
    const { code, errors } = await program.end();
    assertEquals(code, 2);
    assertStringIncludes(errors, "--takeover: ");
  });
}
