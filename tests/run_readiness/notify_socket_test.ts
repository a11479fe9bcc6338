import { assert, assertEquals } from "@std/assert";
import { NotifySocket } from "../../supervisor/notify_socket.ts";
import { startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { PYTHON } from "../support/run/supervised.ts";
import { asUnprivileged, OpenScratch } from "../support/unprivileged.ts";
import { Scratch, treePath } from "../support/tree.ts";

const ignore = await lacks(PYTHON, "unshare") || Deno.uid() !== 0;

Deno.test({
  name:
    "READY=1 is found from another network namespace, and at the end the socket is gone",
  ignore,
  fn: async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    await Deno.chmod(scratch.path, 0o755);
    await Deno.writeTextFile(
      scratch.join("plan"),
      JSON.stringify({ name: "v1", ready: "notify" }),
    );
    const runtime = scratch.join("runtime");
    await Deno.mkdir(runtime);
    await using run = startClient(daemon, [
      "run",
      "--ready",
      "notify",
      "127.0.0.1:0",
      "--",
      "unshare",
      "--net",
      PYTHON,
      treePath("tests/support/run/service.py"),
      scratch.join("plan"),
    ], { env: { RUNTIME_DIRECTORY: `${runtime}:/nowhere` } });
    await run.errors.next("generation 1: ready");
    assertEquals([...Deno.readDirSync(runtime)].length, 1);
    run.signal("SIGHUP");
    await run.errors.next("generation 2: ready");
    run.signal("SIGTERM");
    await run.end();
    assertEquals([...Deno.readDirSync(runtime)], []);
  },
});

Deno.test({
  name: "the socket of a user's run is that user's alone",
  ignore,
  fn: async () => {
    await using scratch = await OpenScratch.make();
    const runtime = scratch.join("cache");
    const { env, ...options } = await asUnprivileged(scratch);
    await using daemon = await Daemon.start({
      ...options,
      env,
      sock: scratch.join("cache/control.sock"),
    });
    await using run = startClient(daemon, [
      "run",
      "--ready",
      "delay:1ms",
      "--watchdog",
      "10m",
      "127.0.0.1:0",
      "--",
      "sh",
      "-c",
      'stat -c "mode %a" "$NOTIFY_SOCKET"; exec sleep 600',
    ], { ...options, env: { ...env, XDG_RUNTIME_DIR: runtime } });
    assertEquals(await run.output.next("mode"), "mode 600");
    run.signal("SIGTERM");
    await run.end();
  },
});

/** Prints whether it can send to the socket as each of these users; 4712 does. */
const SENDERS = `import os, socket
for uid in (4711, 4712):
    if os.fork() != 0:
        os.wait()
        continue
    os.setresuid(uid, uid, uid)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.connect(os.environ["NOTIFY_PATH"])
            if uid == 4712:
                sender.send(b"READY=1")
            print(uid, "can send", flush=True)
        except PermissionError:
            print(uid, "cannot send", flush=True)
    os._exit(0)
`;

const OWNERS = [
  { user: ["--user", "4711:4711"], under: [], other: "cannot send" },
  // Without a known user the program may become any.
  { user: [], under: [], other: "can send" },
  // Without CAP_CHOWN the socket cannot be given to the user.
  {
    user: ["--user", "4711:4711"],
    under: ["setpriv", "--bounding-set=-chown"],
    other: "can send",
  },
];

for (const { user, under, other } of OWNERS) {
  const title = [...user, ...under.slice(1)].join(" ") || "no --user";
  Deno.test({
    name:
      `run of root with ${title}: another user ${other}, and never makes COMMAND ready`,
    ignore,
    fn: async () => {
      await using scratch = await Scratch.make();
      await using daemon = await Daemon.start();
      await Deno.chmod(scratch.path, 0o755);
      await using run = startClient(daemon, [
        ...[
          "run",
          ...user,
          "--ready",
          "notify",
          "127.0.0.1:0",
          "--",
          "sh",
          "-c",
        ],
        'echo "at $NOTIFY_SOCKET"; exec sleep 600',
      ], { env: { RUNTIME_DIRECTORY: scratch.path }, under });
      const path = (await run.output.next("at ")).slice("at ".length);
      const sent = await new Deno.Command(PYTHON, {
        args: ["-c", SENDERS],
        env: { NOTIFY_PATH: path },
      }).output();
      assertEquals(
        new TextDecoder().decode(sent.stdout),
        `4711 can send\n4712 ${other}\n`,
      );
      run.signal("SIGTERM");
      assertEquals((await run.end()).errors.includes(": ready"), false);
    },
  });
}

Deno.test("the socket of a run that was killed is removed by the next one, and no other file is", async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  await Deno.chmod(scratch.path, 0o755);
  const runtime = scratch.join("runtime");
  await Deno.mkdir(runtime);
  const start = () =>
    startClient(daemon, [
      ...["run", "--ready", "notify", "127.0.0.1:0", "--", "sh", "-c"],
      'echo "$$ at $NOTIFY_SOCKET"; exec sleep 600',
    ], { env: { RUNTIME_DIRECTORY: runtime } });
  const names = () => [...Deno.readDirSync(runtime)].map(({ name }) => name);
  await using beside = start();
  await beside.output.next(" at ");
  const [living = ""] = names();
  await using killed = start();
  const [left = "", , dead = ""] = (await killed.output.next(" at "))
    .split(" ");
  killed.signal("SIGKILL");
  await eventually("run has ended", () => killed.hasEnded);
  // It outlives `run`, and has its output.
  Deno.kill(Number(left), "SIGKILL");
  await killed.end();
  await Deno.writeTextFile(`${runtime}/multibinder-run-00000000`, "a file");
  await Deno.rename(dead, `${runtime}/multibinder-run-ffffffff`);
  await Deno.writeTextFile(`${runtime}/other`, "another file");
  await using next = start();
  const path = (await next.output.next(" at ")).split("/").at(-1)!;
  assertEquals(
    names().sort(),
    ["multibinder-run-00000000", living, path, "other"].sort(),
  );
  for (const run of [beside, next]) {
    run.signal("SIGTERM");
    await run.end();
  }
  assertEquals(names().sort(), ["multibinder-run-00000000", "other"]);
});

Deno.test("without a directory for it the socket has an abstract name", () => {
  const names = ["RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR", "TMPDIR"];
  const before = names.map((name) => Deno.env.get(name));
  try {
    for (const name of names) Deno.env.set(name, `/${"x".repeat(200)}`);
    using notify = new NotifySocket(65534, []);
    assert(notify.socket.name.startsWith("@multibinder-run-"));
  } finally {
    names.forEach((name, index) => {
      const value = before[index];
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    });
  }
});
