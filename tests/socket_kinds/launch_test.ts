import { assertEquals } from "@std/assert";
import { runClient, startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { Scratch } from "../support/tree.ts";

const ignore = await lacks("python3");

/** Prints the passed sockets (sd_listen_fds(3)). */
const REPORT = `
import os, socket, json
names = os.environ["LISTEN_FDNAMES"].split(":")
assert int(os.environ["LISTEN_PID"]) == os.getpid()
for index in range(int(os.environ["LISTEN_FDS"])):
    passed = socket.socket(fileno=3 + index)
    name = passed.getsockname()
    if isinstance(name, bytes): name = name.decode().replace("\\0", "@", 1)
    if not isinstance(name, str): name = name[0]
    print(json.dumps([names[index], passed.family.name, passed.type.name, name]))
`;

const EXPECTED = (directory: string) => [
  ["web", "AF_INET", "SOCK_STREAM", "127.0.0.1"],
  ["dns", "AF_INET", "SOCK_DGRAM", "127.0.0.1"],
  ["admin", "AF_UNIX", "SOCK_STREAM", `${directory}/admin.sock`],
  ["bus", "AF_UNIX", "SOCK_SEQPACKET", `${directory}/bus.sock`],
  ["log", "AF_UNIX", "SOCK_DGRAM", `${directory}/log.sock`],
  ["hidden", "AF_UNIX", "SOCK_STREAM", `@${directory}/hidden`],
];

function addresses(directory: string): string[] {
  return [
    "web=127.0.0.1:0",
    "dns=udp://127.0.0.1:0",
    `admin=unix:${directory}/admin.sock`,
    `bus=seqpacket:${directory}/bus.sock`,
    `log=unixgram:${directory}/log.sock`,
    `hidden=unix:@${directory}/hidden`,
  ];
}

function reported(output: string): unknown[] {
  return output.trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test("exec passes sockets of every kind", { ignore }, async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  const { code, output, errors } = await runClient(daemon, [
    "exec",
    ...addresses(scratch.path),
    "--",
    "python3",
    "-c",
    REPORT,
  ]);
  assertEquals({ code, errors }, { code: 0, errors: "" });
  assertEquals(reported(output), EXPECTED(scratch.path));
  assertEquals((await daemon.status()).binds, 6);
});

Deno.test("run passes sockets of every kind, also to the next generation", {
  ignore,
}, async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  const service = `${REPORT}
import time, sys
print("up", flush=True)
time.sleep(600)`;
  await using supervisor = startClient(daemon, [
    "run",
    ...addresses(scratch.path),
    "--",
    "python3",
    "-c",
    service,
  ]);
  await supervisor.output.next("up");
  supervisor.signal("SIGUSR2");
  await supervisor.output.next("up");
  supervisor.signal("SIGTERM");
  const { output } = await supervisor.end();
  const lines = output.split("\n").filter((line) => line.startsWith("["));
  const expected = EXPECTED(scratch.path);
  assertEquals(reported(lines.join("\n")), [...expected, ...expected]);
  assertEquals((await daemon.status()).binds, 6);
});
