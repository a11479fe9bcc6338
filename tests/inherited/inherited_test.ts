import { assertEquals, assertMatch } from "@std/assert";
import { processId } from "../../ffi/processes/process.ts";
import { pidfdId } from "../../ffi/systemd/pidfd_id.ts";
import { lacks } from "../support/foreign_program.ts";
import { Program } from "../support/program.ts";
import { libcPath, Scratch, treePath } from "../support/tree.ts";

const noPython = await lacks("python3");

interface Report {
  bindings: { name: string; kind: string; addr: Deno.Addr }[];
  closeOnExec: boolean[];
  same: boolean;
  variables: string[];
  numbers: number[];
  passedOn: boolean[];
  left: number;
}

interface Launch {
  sockets: string;
  pid?: string;
  names?: string;
  args?: readonly string[];
  env?: Record<string, string>;
}

async function launched(launch: Launch): Promise<{
  code: number;
  output: string;
  errors: string;
}> {
  const { sockets, pid = "own", names = "-", args = [], env } = launch;
  await using program = Program.start("python3", {
    args: [
      treePath("tests/support/inherited/launch.py"),
      ...[sockets, pid, names, Deno.execPath(), "run", "--no-prompt"],
      `--allow-ffi=${libcPath}`,
      ...[treePath("tests/support/inherited/report.ts"), ...args],
    ],
    ...(env && { env }),
  });
  return await program.end();
}

async function report(launch: Launch): Promise<Report> {
  const { code, output, errors } = await launched(launch);
  assertEquals({ code, errors }, { code: 0, errors: "" });
  return JSON.parse(output);
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `inherited: ${name}`, ignore: noPython, fn });
}

test("returns the listening sockets from 3 on in order, with their names", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("admin.sock");
  const result = await report({
    sockets: `tcp,unix:${path}`,
    names: "web:admin",
  });
  assertEquals(result.bindings.map(({ name }) => name), ["web", "admin"]);
  assertEquals(result.bindings[0]?.addr.transport, "tcp");
  assertEquals(result.bindings[1]?.addr, { transport: "unix", path });
  assertEquals(result.numbers, [3, 4]);
});

test("sets close-on-exec until fd is read", async () => {
  const result = await report({ sockets: "tcp,tcp" });
  assertEquals(result.closeOnExec, [true, true]);
  assertEquals(result.passedOn, [true, true]);
});

test("names sockets without a name unknown", async () => {
  const { bindings } = await report({ sockets: "tcp" });
  assertEquals(bindings.map(({ name }) => name), ["unknown"]);
});

test("returns all sockets with a name", async () => {
  const launch = { sockets: "tcp,tcp,tcp", names: "http:https:http" };
  const http = await report({ ...launch, args: ["http"] });
  assertEquals(http.bindings.map(({ name }) => name), ["http", "http"]);
  assertEquals(http.numbers, [3, 5]);
  const none = await report({ ...launch, args: ["gopher"] });
  assertEquals(none.bindings, []);
});

test("throws if LISTEN_PID names another process, and names both", async () => {
  const { code, errors } = await launched({ sockets: "tcp", pid: "1" });
  assertEquals(code, 1);
  assertMatch(
    errors,
    /InheritedSocketsError: LISTEN_FDS announces sockets for another process: LISTEN_PID names 1, and this is \d+:/,
  );
});

test("returns the sockets without LISTEN_PID, as systemfd --no-pid passes them", async () => {
  const { bindings, numbers } = await report({
    sockets: "tcp,udp",
    pid: "none",
    names: "web:dns",
  });
  assertEquals(bindings.map(({ name }) => name), ["web", "dns"]);
  assertEquals(numbers, [3, 4]);
});

for (const other of ["pipe", "idle"]) {
  test(`throws without LISTEN_PID if a descriptor is not a listening socket: ${other}`, async () => {
    const sockets = `tcp,${other}`;
    const { code, errors } = await launched({ sockets, pid: "none" });
    assertEquals(code, 1);
    assertMatch(
      errors,
      /InheritedSocketsError: LISTEN_FDS announces 2 sockets, but descriptor 4 of process \d+ is not a listening socket/,
    );
  });
}

test("throws if LISTEN_FDS was inherited without the descriptors", async () => {
  await using program = Program.start(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      `--allow-ffi=${libcPath}`,
      treePath("tests/support/inherited/report.ts"),
    ],
    env: { LISTEN_FDS: "1" },
  });
  const { code, errors } = await program.end();
  assertEquals(code, 1);
  assertMatch(errors, /descriptor 3 of process \d+ is not a listening socket/);
});

const noPidfdId = pidfdId(processId()) === undefined;

Deno.test({
  name: "inherited: returns the sockets if LISTEN_PIDFDID names this process",
  ignore: noPython || noPidfdId,
  fn: async () => {
    const env = { LISTEN_PIDFDID: "own" };
    const { numbers } = await report({ sockets: "tcp", env });
    assertEquals(numbers, [3]);
  },
});

Deno.test({
  name: "inherited: throws if LISTEN_PIDFDID names another process",
  ignore: noPython || noPidfdId,
  fn: async () => {
    const env = { LISTEN_PIDFDID: "1" };
    const { code, errors } = await launched({ sockets: "tcp", env });
    assertEquals(code, 1);
    assertMatch(
      errors,
      /LISTEN_PIDFDID names an earlier process with the PID (\d+), and this is \1:/,
    );
  },
});

test("returns nothing without any variable", async () => {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      `--allow-ffi=${libcPath}`,
      treePath("tests/support/inherited/report.ts"),
    ],
  }).output();
  assertEquals(code, 0);
  assertEquals(JSON.parse(new TextDecoder().decode(stdout)).bindings, []);
});

test("leaves descriptors alone that are not listening sockets", async () => {
  const { bindings, numbers } = await report({
    sockets: "idle,tcp,pipe",
    names: "idle:web:pipe",
  });
  assertEquals(bindings.map(({ name }) => name), ["web"]);
  assertEquals(numbers, [4]);
});

test("returns datagram and seqpacket sockets with their kinds", async () => {
  await using scratch = await Scratch.make();
  const [unix, gram, packet] = ["unix", "gram", "packet"].map((name) =>
    scratch.join(name)
  );
  const { bindings, numbers } = await report({
    sockets: `udp,unix:${unix},unixgram:${gram},seqpacket:${packet}`,
    names: "dns:web:log:bus",
  });
  assertEquals(numbers, [3, 4, 5, 6]);
  assertEquals(bindings.map(({ kind }) => kind), [
    "udp",
    "unix",
    "unixgram",
    "seqpacket",
  ]);
  const [udp, ...paths] = bindings.map(({ addr }) => addr);
  assertEquals(udp?.transport, "udp");
  assertEquals(paths as unknown, [
    { transport: "unix", path: unix },
    { transport: "unixpacket", path: gram },
    { transport: "unix", path: packet },
  ]);
});

test("keeps the variables, unless clear is set", async () => {
  const kept = await report({ sockets: "tcp", names: "web" });
  assertEquals(kept.variables, ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]);
  const cleared = await report({
    sockets: "tcp",
    names: "web",
    args: ["web", "clear"],
  });
  assertEquals(cleared.variables, []);
  assertEquals(cleared.bindings.length, 1);
});

test("returns the same Bindings again, without the closed ones", async () => {
  const result = await report({ sockets: "tcp,tcp,tcp" });
  assertEquals(result.same, true);
  assertEquals(result.left, 2);
});

test("throws if LISTEN_FDS is not a number", async () => {
  await using program = Program.start("/bin/sh", {
    args: [
      "-c",
      'export LISTEN_PID=$$ LISTEN_FDS=many; exec "$@"',
      "sh",
      Deno.execPath(),
      "run",
      "--no-prompt",
      `--allow-ffi=${libcPath}`,
      treePath("tests/support/inherited/report.ts"),
    ],
  });
  const { code, errors } = await program.end();
  assertEquals(code, 1);
  assertMatch(errors, /TypeError: LISTEN_FDS is not a number/);
});
