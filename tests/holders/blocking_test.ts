import { assert, assertEquals } from "@std/assert";
import { isNonblocking, setNonblocking } from "../../ffi/files/descriptor.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { damage, damageAndStay } from "../support/holders/acts.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { granted } from "../support/socket_kinds/raw_bind.ts";

const withPython = { ignore: await lacks("python3") };
const PARAMS = { address: "127.0.0.1", port: 0 };
const ACT = { name: "set O_NONBLOCK" };

Deno.test(
  "a socket blocks again once the process that has set O_NONBLOCK is gone",
  withPython,
  async () => {
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    await damage(daemon.sock, PARAMS, ACT);
    assertEquals(isNonblocking(await granted(connection, PARAMS)), false);
  },
);

Deno.test(
  "O_NONBLOCK stays while the process that got the socket last is running: without it that process would block in accept(2)",
  withPython,
  async () => {
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    await using _holder = await damageAndStay(daemon.sock, PARAMS, ACT);
    assert(isNonblocking(await granted(connection, PARAMS)));
  },
);

Deno.test(
  "O_NONBLOCK stays while an earlier holder is running, also after a re-exec",
  withPython,
  async () => {
    await using daemon = await Daemon.start();
    await using _holder = await damageAndStay(daemon.sock, PARAMS, ACT);
    for (let bind = 0; bind < 20; bind++) {
      await damage(daemon.sock, PARAMS, ACT);
      if (bind % 8 === 0) await daemon.reexec();
    }
    using connection = RawConnection.open(daemon.sock);
    assert(isNonblocking(await granted(connection, PARAMS)));
  },
);

Deno.test("a supervisor that binds again for its next generation does not make the socket block for the current one", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  setNonblocking(await granted(connection, PARAMS), true);
  assert(isNonblocking(await granted(connection, PARAMS)));
});

Deno.test(
  "O_NONBLOCK stays after a re-exec and a takeover, too, while that process is running",
  withPython,
  async () => {
    await using daemon = await Daemon.start();
    const { sock } = daemon;
    await using _holder = await damageAndStay(sock, PARAMS, ACT);
    await daemon.reexec();
    await using _next = await Daemon.start({ sock, args: ["--takeover"] });
    await daemon.stop();
    using connection = RawConnection.open(sock);
    assert(isNonblocking(await granted(connection, PARAMS)));
  },
);
