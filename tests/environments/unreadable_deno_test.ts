import { assertEquals } from "@std/assert";
import { Daemon } from "../support/daemon.ts";
import { assertExecAndRunWork } from "../support/environments/commands.ts";
import { assertReexecutes } from "../support/environments/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { OpenScratch, unprivileged } from "../support/unprivileged.ts";

/** Ways to make a program that its user cannot read in /proc. */
const WAYS: [what: string, make: (deno: string) => Promise<void>][] = [
  ["that it may execute and not read", (deno) => Deno.chmod(deno, 0o711)],
  ["with a file capability", async (deno) => {
    const { success } = await new Deno.Command("setcap", {
      args: ["cap_net_bind_service+ep", deno],
    }).output();
    assertEquals(success, true);
  }],
];

/** Only root can make such files for another user. */
const ignore = Deno.uid() !== 0 || await lacks("setpriv", "setcap");

/** Another user, with a Deno that is made so. */
async function otherUser(
  scratch: OpenScratch,
  make: (deno: string) => Promise<void>,
) {
  const deno = scratch.join("unreadable");
  await Deno.copyFile(Deno.execPath(), deno);
  await Deno.chmod(deno, 0o755);
  await make(deno);
  await Deno.mkdir(scratch.join("socket"));
  await Deno.chmod(scratch.join("socket"), 0o777);
  return {
    deno,
    under: unprivileged,
    env: { ...scratch.env, MARK: "passed on" },
    sock: scratch.join("socket/control"),
  };
}

for (const [what, make] of WAYS) {
  Deno.test(
    `a user's daemon, exec and run work with a deno ${what}`,
    { ignore },
    async () => {
      await using scratch = await OpenScratch.make();
      const user = await otherUser(scratch, make);
      await using daemon = await Daemon.start(user);
      await assertReexecutes(daemon);

      const print = ["cat", "/proc/self/environ"];
      await assertExecAndRunWork(daemon, print, user);
      assertEquals((await daemon.stop()).code, 0);
    },
  );
}
