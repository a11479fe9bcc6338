import { assert, assertEquals } from "@std/assert";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { DamagedSockets } from "../support/holders/damaged_sockets.ts";
import { olderDaemon } from "../support/takeover/old_server.ts";
import { Scratch } from "../support/tree.ts";

const withPython = { ignore: await lacks("python3") };

Deno.test(
  "a re-exec heals what holders have done to sockets of every kind",
  withPython,
  async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    using damaged = new DamagedSockets();
    await damaged.damageAll(daemon.sock, scratch);
    const before = await daemon.status();
    await daemon.reexec();
    const { binds } = await daemon.status();
    assertEquals(binds, before.binds);
    await damaged.assertHealed(daemon.sock);
    const { errors: log } = await daemon.stop();
    assert(log.includes("socket healed"), log);
    assert(log.includes("socket bound anew"), log);
    assert(!log.includes("not healed"), log);
  },
);

Deno.test(
  "a takeover heals what holders have done to sockets of every kind",
  withPython,
  async () => {
    await using scratch = await Scratch.make();
    await using old = await Daemon.start();
    using damaged = new DamagedSockets();
    await damaged.damageAll(old.sock, scratch);
    const { sock } = old;
    await using daemon = await Daemon.start({ sock, args: ["--takeover"] });
    assertEquals((await old.stop()).code, 0);
    assertEquals((await daemon.status()).binds, damaged.sockets.length);
    await damaged.assertHealed(sock);
  },
);

Deno.test(
  "a takeover from a daemon that does not heal sockets heals them",
  withPython,
  async () => {
    await using scratch = await Scratch.make();
    const methods = "server/requests/bind_method.ts";
    await using old = await olderDaemon(async (source) => {
      await source.edit(
        methods,
        "heal(held, context, { options, access });",
        "",
      );
      await source.edit(methods, "healInPlace(held, context);", "");
    });
    const { sock } = old;
    using damaged = new DamagedSockets();
    await damaged.damageAll(sock, scratch);
    await using daemon = await Daemon.start({ sock, args: ["--takeover"] });
    await old.program[Symbol.asyncDispose]();
    assertEquals((await daemon.status()).binds, damaged.sockets.length);
    for (const event of ["socket healed", "socket bound anew"]) {
      await daemon.program.errors.sees(event);
    }
    await damaged.assertHealed(sock);
  },
);
