import { assertEquals, assertMatch } from "@std/assert";
import { Daemon } from "../support/daemon.ts";
import { CopiedDaemon } from "../support/upgrade/copied_daemon.ts";

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`the last line of the log says that ${signal} ended the daemon, with its sockets, clients and uptime`, async () => {
    await using daemon = await Daemon.start();
    using session = await daemon.session();
    using _one = await session.bind("127.0.0.1", 0);
    using _two = await session.bind("[::1]:0");
    daemon.program.signal(signal);
    const { code, errors } = await daemon.program.end();
    assertEquals(code, 0);
    assertMatch(
      errors.trimEnd().split("\n").at(-1)!,
      new RegExp(
        `^\\S+ INFO daemon stops signal=${signal} binds=2 clients=1 generation=1 uptime=\\d+s$`,
      ),
    );
  });
}

Deno.test("the error of a new version is in the log without colours", async () => {
  await using daemon = await CopiedDaemon.start({
    under: ["env", "--unset=NO_COLOR"],
  });
  await daemon.source.write('throw new Error("this version is broken");');
  daemon.program.signal("SIGUSR1");
  const line = await daemon.program.errors.next("upgrade abandoned");
  assertMatch(line, /error: Uncaught .*Error: this version is broken/);
  assertEquals(line.includes("u001b"), false, line);
});
