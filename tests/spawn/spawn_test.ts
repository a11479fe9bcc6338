import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type Binding,
  OsError,
  spawn,
  type SpawnedChild,
} from "../../client.ts";
import { withoutLeak } from "../support/descriptor_leak.ts";
import { descriptorsOf, settledAs } from "../support/process_state.ts";
import { Program, within } from "../support/program.ts";
import { get } from "../support/serve/http_connection.ts";
import { listeningTcp } from "../support/serve/sockets.ts";
import { libcPath, Scratch, treePath } from "../support/tree.ts";

/** The link of a Binding's descriptor, such as `socket:[123]`. */
async function socketOf({ fd }: Binding): Promise<string> {
  return await Deno.readLink(`/proc/self/fd/${fd}`);
}

/** The descriptors of a child from 3 on, after its exec. */
async function descriptors(
  pid: number,
  program: string,
): Promise<Record<number, string>> {
  await settledAs(pid, program);
  const all = await descriptorsOf(pid);
  return Object.fromEntries([...all].filter(([fd]) => fd > 2));
}

Deno.test("spawn: the child has its sockets at 3, 4, ... and no other descriptor", async () => {
  using web = listeningTcp();
  using admin = listeningTcp();
  using other = listeningTcp();
  // After a read of fd, children of Deno.Command inherit it.
  assert(other.fd > 2);
  await using child = spawn("sleep", {
    args: ["1000"],
    bindings: { web, admin },
  });
  assertEquals(await descriptors(child.pid, "sleep"), {
    3: await socketOf(web),
    4: await socketOf(admin),
  });
});

Deno.test("spawn: a child without sockets has no descriptor of its parent", async () => {
  using web = listeningTcp();
  assert(web.fd > 2);
  await using child = spawn("sleep", { args: ["1000"] });
  assertEquals(await descriptors(child.pid, "sleep"), {});
});

Deno.test("spawn: the option at chooses the numbers, even if the parent uses them", async () => {
  using one = listeningTcp();
  using two = listeningTcp();
  await using child = spawn("sleep", {
    args: ["1000"],
    bindings: { one, two, three: one },
    at: { one: two.fd, two: one.fd },
  });
  assertEquals(await descriptors(child.pid, "sleep"), {
    3: await socketOf(one),
    [two.fd]: await socketOf(one),
    [one.fd]: await socketOf(two),
  });
});

Deno.test("spawn: the descriptors of the parent do not change", async () => {
  await withoutLeak(async () => {
    using web = listeningTcp();
    await spawn("true", { bindings: { web } }).status;
  });
});

async function outputOf(
  script: string,
  options: Parameters<typeof spawn>[1] = {},
): Promise<string> {
  await using scratch = await Scratch.make();
  const path = scratch.join("output");
  const child = spawn("/bin/sh", {
    ...options,
    args: ["-c", `exec >'${path}'; ${script}`],
  });
  assertEquals((await child.status).code, 0);
  return await Deno.readTextFile(path);
}

Deno.test("spawn: LISTEN_FDS, LISTEN_FDNAMES and LISTEN_PID announce sockets from 3 on", async () => {
  using web = listeningTcp();
  const output = await outputOf(
    'echo "$LISTEN_FDS $LISTEN_FDNAMES"; [ "$LISTEN_PID" = $$ ] && echo own',
    { bindings: { web, admin: web } },
  );
  assertEquals(output, "2 web:admin\nown\n");
});

Deno.test("spawn: sockets at other numbers are not announced", async () => {
  using web = listeningTcp();
  const output = await outputOf('echo "<$LISTEN_FDS$LISTEN_PID>"', {
    bindings: { web },
    at: { web: 7 },
  });
  assertEquals(output, "<>\n");
});

Deno.test("spawn: the environment is that of the parent plus env, or only env", async () => {
  const path = Deno.env.get("PATH")!;
  const env = { MULTIBINDER_TEST: "a=b\nc" };
  const script = 'echo "$PATH|$MULTIBINDER_TEST"';
  assertEquals(await outputOf(script, { env }), `${path}|a=b\nc\n`);
  const empty = 'echo "$HOME|$MULTIBINDER_TEST"';
  assertEquals(
    await outputOf(empty, { env, clearEnv: true }),
    "|a=b\nc\n",
  );
});

Deno.test("spawn: cwd is the working directory of the child", async () => {
  assertEquals(await outputOf("pwd", { cwd: "/" }), "/\n");
});

Deno.test("spawn: the child has no blocked and no ignored signal", async () => {
  using web = listeningTcp();
  await using child = spawn("sleep", { args: ["1000"], bindings: { web } });
  await descriptors(child.pid, "sleep");
  const status = await Deno.readTextFile(`/proc/${child.pid}/status`);
  const masks = [...status.matchAll(/^(SigBlk|SigIgn):\s*([\da-f]+)$/gm)];
  assertEquals(masks.length, 2);
  for (const [, name, mask] of masks) {
    // glibc reserves the signals 32 and 33 (signal(7)).
    const standard = BigInt(`0x${mask}`) & 0x7fffffffn;
    assertEquals(standard, 0n, name);
  }
});

Deno.test("spawn: status has the exit code or the signal", async () => {
  const exited = spawn("/bin/sh", { args: ["-c", "exit 7"] });
  assertEquals(await exited.status, { success: false, code: 7, signal: null });
  assertEquals((await spawn("true").status).success, true);
  const killed = spawn("sleep", { args: ["1000"] });
  killed.kill("SIGKILL");
  assertEquals(await killed.status, {
    success: false,
    code: 137,
    signal: "SIGKILL",
  });
  assertThrows(() => killed.kill(), TypeError, "ended");
});

Deno.test("spawn: an aborted signal ends the child", async () => {
  const stop = new AbortController();
  const child = spawn("sleep", { args: ["1000"], signal: stop.signal });
  stop.abort();
  assertEquals((await child.status).signal, "SIGTERM");
  assertThrows(() => spawn("true", { signal: stop.signal }));
});

Deno.test("spawn: the end of one child may abort the signal of another one that has ended at the same moment", async () => {
  const stops = [new AbortController(), new AbortController()];
  const [first, second] = stops.map(({ signal }) =>
    spawn("sleep", { args: ["1000"], signal })
  ) as [SpawnedChild, SpawnedChild];
  const ends = [
    first.status.then(() => stops[1]!.abort()),
    second.status.then(() => stops[0]!.abort()),
  ];
  // Both end before the event loop can see an end.
  for (const { pid } of [first, second]) {
    Deno.kill(pid, "SIGKILL");
    while (!/\) Z /.test(Deno.readTextFileSync(`/proc/${pid}/stat`)));
  }
  await Promise.all(ends);
  assertEquals((await first.status).signal, "SIGKILL");
  assertEquals((await second.status).signal, "SIGKILL");
});

Deno.test("spawn: a stream goes to a descriptor, or to /dev/null", async () => {
  await using program = Program.start(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      `--allow-ffi=${libcPath}`,
      treePath("tests/support/spawn/streams.ts"),
    ],
  });
  const { code, output, errors } = await program.end();
  assertEquals({ code, output, errors }, {
    code: 0,
    output: "",
    errors: "to standard error",
  });
});

Deno.test("spawn: a command that cannot be started is an OsError", () => {
  using web = listeningTcp();
  const some: Record<string, Binding>[] = [{}, { web }];
  for (const bindings of some) {
    const error = assertThrows(
      () => spawn("multibinder-no-such-program", { bindings }),
      OsError,
    );
    assertEquals(error.code, "ENOENT");
  }
  assertThrows(() => spawn("/etc/passwd"), OsError, "EACCES");
  assertThrows(() => spawn("true", { cwd: "/no/such/place" }), OsError);
});

Deno.test("spawn: invalid bindings are a TypeError", () => {
  using web = listeningTcp();
  const closed = listeningTcp();
  closed.close();
  const refuse = (options: Parameters<typeof spawn>[1], message: string) =>
    assertThrows(() => spawn("true", options), TypeError, message);
  refuse({ bindings: { closed } }, "closed");
  refuse({ at: { web: 3 } }, "no binding web");
  refuse({ bindings: { web }, at: { web: -1 } }, "-1 is not a descriptor");
  refuse({ bindings: { web, w: web }, at: { web: 5, w: 5 } }, "both");
  refuse({ bindings: { "a:b": web } }, "LISTEN_FDNAMES");
});

Deno.test("spawn: a Deno service serves on its socket, and the parent needs no --allow-run", async () => {
  using web = listeningTcp();
  const number = web.fd;
  await using parent = Program.start(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      `--allow-ffi=${libcPath}`,
      treePath("tests/support/spawn/launcher.ts"),
      `${number}`,
      libcPath,
    ],
  });
  await parent.output.next("serving");
  assertEquals((await get(web)).body, "web at 3");
  parent.signal("SIGTERM");
  const { code } = await within(parent.end(), "the end of the launcher");
  assertEquals(code, 0);
});
