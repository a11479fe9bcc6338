import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  bind,
  bindSync,
  connect,
  OsError,
  TimeoutError,
} from "../../client.ts";
import { SocketAddressError } from "../../ffi/sockets/socket_address.ts";
import { leaveDeadSocket } from "../support/control_socket/dead_socket.ts";
import { Daemon, daemonCommand } from "../support/daemon.ts";
import { withoutLeak } from "../support/descriptor_leak.ts";
import { PATIENCE } from "../support/eventually.ts";
import { Program } from "../support/program.ts";
import { libcPath, Scratch, treePath } from "../support/tree.ts";
import { OpenScratch, unprivileged } from "../support/unprivileged.ts";

const VARIABLE = "MULTIBINDER_SOCK";

/** Sets or unsets the variable until the end of the scope. */
function withVariable(value: string | undefined): Disposable {
  const before = Deno.env.get(VARIABLE);
  const set = (value: string | undefined) => {
    if (value === undefined) Deno.env.delete(VARIABLE);
    else Deno.env.set(VARIABLE, value);
  };
  set(value);
  return { [Symbol.dispose]: () => set(before) };
}

Deno.test("MULTIBINDER_SOCK names the control socket if no option does", async () => {
  await using daemon = await Daemon.start();
  using _variable = withVariable(daemon.sock);
  using web = await bind("127.0.0.1", 0);
  using again = bindSync("127.0.0.1", 0);
  using session = await connect();
  assertEquals(again.addr, web.addr);
  assertEquals((await session.status()).pid, daemon.pid);
});

Deno.test("the option sock overrides MULTIBINDER_SOCK", async () => {
  await using daemon = await Daemon.start();
  using _variable = withVariable("/nowhere");
  using session = await connect({ sock: daemon.sock });
  assertEquals((await session.status()).pid, daemon.pid);
});

for (const value of [undefined, ""]) {
  const what = value === undefined ? "no" : "an empty";
  Deno.test(`without the option sock and with ${what} variable the error names MULTIBINDER_SOCK`, async () => {
    using _variable = withVariable(value);
    await assertRejects(() => bind(":0"), TypeError, VARIABLE);
    await assertRejects(() => connect(), TypeError, VARIABLE);
    assertThrows(() => bindSync(":0"), TypeError, VARIABLE);
  });
}

Deno.test("bind waits for a daemon that is started later", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  const waiting = bind("127.0.0.1", 0, { sock, timeout: PATIENCE });
  await using daemon = await Daemon.start({ sock });
  using web = await waiting;
  assert(web.fd > 2);
  assertEquals((await daemon.status()).binds, 1);
});

Deno.test("bind waits for a daemon that replaces a dead socket", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  leaveDeadSocket(sock);
  const waiting = connect({ sock, timeout: PATIENCE });
  await using daemon = await Daemon.start({ sock });
  using session = await waiting;
  assertEquals((await session.status()).pid, daemon.pid);
});

Deno.test("bindSync waits for a daemon that is started later", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  const [command, ...args] = daemonCommand(sock);
  await using _daemon = Program.start(command!, { args });
  using web = bindSync("127.0.0.1", 0, { sock, timeout: PATIENCE });
  assert(web.fd > 2);
});

Deno.test("the TimeoutError without a daemon has the path and the reason", async () => {
  await using scratch = await Scratch.make();
  await withoutLeak(async () => {
    const missing = scratch.join("missing.sock");
    const dead = scratch.join("dead.sock");
    leaveDeadSocket(dead);
    for (const [sock, code] of [[missing, "ENOENT"], [dead, "ECONNREFUSED"]]) {
      const options = { sock: sock!, timeout: 20 };
      const errors = [
        await assertRejects(() => bind(":0", options), TimeoutError),
        await assertRejects(() => connect(options), TimeoutError),
        assertThrows(() => bindSync(":0", options), TimeoutError),
      ];
      for (const { message } of errors) {
        assertStringIncludes(message, sock!);
        assertStringIncludes(message, code!);
        assertStringIncludes(message, "20 ms");
      }
    }
  });
});

Deno.test("bind fails at once for a path that is not a socket", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("file");
  await Deno.writeTextFile(sock, "");
  await withoutLeak(async () => {
    await assertRejects(
      () => bind(":0", { sock, timeout: PATIENCE }),
      SocketAddressError,
      `${sock} is not a socket`,
    );
  });
});

Deno.test("bind fails at once for a path that cannot exist", async () => {
  await using scratch = await Scratch.make();
  await Deno.writeTextFile(scratch.join("file"), "");
  const error = await assertRejects(
    () => bind(":0", { sock: scratch.join("file/sock"), timeout: PATIENCE }),
    OsError,
    scratch.join("file/sock"),
  );
  assertEquals([error.code, error.syscall], ["ENOTDIR", "connect"]);
});

Deno.test("the error for a path that is too long says so, and no descriptor stays open", async () => {
  const sock = `/tmp/${"x".repeat(200)}`;
  await withoutLeak(async () => {
    await assertRejects(() => bind(":0", { sock }), SocketAddressError, sock);
    await assertRejects(() => connect({ sock }), SocketAddressError, sock);
    assertThrows(() => bindSync(":0", { sock }), SocketAddressError, sock);
  });
});

Deno.test("a control socket of another user is an OsError with EACCES", async () => {
  await using scratch = await OpenScratch.make();
  const sock = scratch.join("control.sock");
  await using _daemon = await Daemon.start({ sock });
  if (unprivileged.length === 0) await Deno.chmod(sock, 0);
  const command = [
    ...unprivileged,
    Deno.execPath(),
    "run",
    "--no-prompt",
    `--allow-ffi=${libcPath}`,
    treePath("tests/support/client/bind_program.ts"),
  ];
  await using program = Program.start(command[0]!, {
    args: command.slice(1),
    env: { ...scratch.env, MULTIBINDER_SOCK: sock },
  });
  const { code, output, errors } = await program.end();
  assertEquals({ code, errors }, { code: 0, errors: "" });
  const outcome = JSON.parse(output);
  assertEquals([outcome.name, outcome.code], ["OsError", "EACCES"]);
  assertStringIncludes(outcome.message, sock);
});

Deno.test("the error without a free descriptor says so, and no descriptor leaks", async () => {
  await using daemon = await Daemon.start();
  const limited = 'ulimit -Sn 100; ulimit -Hn 100; exec "$@"';
  await using program = Program.start("sh", {
    args: [
      "-c",
      limited,
      "sh",
      Deno.execPath(),
      "run",
      "-A",
      treePath("tests/support/client/few_descriptors_program.ts"),
    ],
    env: { MULTIBINDER_SOCK: daemon.sock },
  });
  const { code, output, errors } = await program.end();
  assertEquals({ code, errors }, { code: 0, errors: "" });
  const { blocking, waiting, left } = JSON.parse(output);
  assertStringIncludes(blocking, "ProtocolError");
  assertStringIncludes(blocking, "RLIMIT_NOFILE");
  // No descriptor to wait with, or none for an answer that has already arrived.
  assertMatch(waiting, /EMFILE|RLIMIT_NOFILE/);
  assert(left >= 1);
});
