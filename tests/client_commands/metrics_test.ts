import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { exposition } from "../../client/command/metrics/exposition.ts";
import { runClient, startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { treePath } from "../support/tree.ts";

/** The value of a sample, by its name and labels. */
function valueOf(text: string, sample: string): number {
  const line = text.split("\n").find((one) => one.startsWith(`${sample} `));
  assert(line !== undefined, `no sample ${sample} in:\n${text}`);
  return Number(line.slice(sample.length + 1));
}

async function metrics(daemon: Daemon): Promise<string> {
  const { code, output, errors } = await runClient(daemon, ["metrics"]);
  assertEquals({ code, errors }, { code: 0, errors: "" });
  return output;
}

/** What promtool prints about its standard input, which has to be valid. */
async function promtool(args: string[], input: string): Promise<string> {
  const child = new Deno.Command("promtool", {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  const written = decoder.decode(stdout) + decoder.decode(stderr);
  assertEquals(code, 0, written);
  return written;
}

/** Starts `metrics --listen` and says where it serves. */
async function startServer(daemon: Daemon) {
  const program = startClient(daemon, ["metrics", "--listen", "127.0.0.1:0"], {
    permissions: ["--allow-net=127.0.0.1"],
  });
  const line = await program.errors.next("metrics on ");
  return { program, url: line.replace("metrics on ", "") };
}

Deno.test("metrics prints sockets, accept queues, clients, descriptors and requests", async () => {
  await using daemon = await Daemon.start({ args: ["--max-binds", "7"] });
  using session = await daemon.session();
  using web = await session.bind("127.0.0.1", 0, { backlog: 300 });
  assert("port" in web.addr);
  using _waiting = await Deno.connect({ port: web.addr.port });
  const text = await metrics(daemon);
  const address = `address="127.0.0.1:${web.addr.port}",kind="tcp"`;
  const { descriptors } = await daemon.status();
  const expected: [sample: string, value: number][] = [
    ["multibinder_up", 1],
    ["multibinder_generation", 1],
    ["multibinder_sockets", 1],
    ["multibinder_sockets_limit", 7],
    ["multibinder_clients", 2],
    ["multibinder_open_descriptors_limit", descriptors.limit],
    ['multibinder_requests_total{method="bind"}', 1],
    [`multibinder_accept_queue_length{${address}}`, 1],
    [`multibinder_accept_queue_limit{${address}}`, 300],
    [`multibinder_handed_out_total{${address}}`, 1],
    [`multibinder_socket_holders{${address}}`, 1],
  ];
  for (const [sample, value] of expected) {
    assertEquals(valueOf(text, sample), value, sample);
  }
});

Deno.test("metrics count the processes that hold each socket, without the daemon", async () => {
  await using daemon = await Daemon.start();
  using session = await daemon.session();
  using held = await session.bind("unix:@multibinder-held-" + daemon.pid);
  (await session.bind("unix:@multibinder-left-" + daemon.pid)).close();
  // Reading fd makes the descriptor inheritable.
  const service = new Deno.Command("sleep", { args: ["300"] });
  const more = held.fd > 2 ? [service.spawn(), service.spawn()] : [];
  try {
    const text = await metrics(daemon);
    const holders = (name: string) =>
      valueOf(
        text,
        `multibinder_socket_holders{address="unix:@multibinder-${name}-${daemon.pid}",kind="unix"}`,
      );
    assertEquals([holders("held"), holders("left")], [1 + more.length, 0]);
    assert(valueOf(text, "multibinder_uninspected_processes") >= 0);
  } finally {
    for (const each of more) {
      each.kill("SIGKILL");
      await each.status;
    }
  }
});

Deno.test("sockets that differ in more than their address have different labels", () => {
  const socket = {
    address: "[::1]:80",
    kind: "tcp",
    options: { v6only: true },
    bound_at: "2026-01-02T03:04:05.000Z",
    handed_out: 1,
    inode: "1",
  } as const;
  const text = exposition({}, [
    socket,
    { ...socket, options: { v6only: false } },
    { ...socket, options: { v6only: true, device: "lo" } },
    { ...socket, address: ":80", options: { v6only: false } },
  ]);
  const handedOut = text.split("\n").filter((line) =>
    line.startsWith("multibinder_handed_out_total")
  );
  assertEquals(handedOut, [
    'multibinder_handed_out_total{address="[::1]:80",kind="tcp"} 1',
    'multibinder_handed_out_total{address="[::1]:80",kind="tcp",v6only="false"} 1',
    'multibinder_handed_out_total{address="[::1]:80",kind="tcp",device="lo"} 1',
    'multibinder_handed_out_total{address=":80",kind="tcp"} 1',
  ]);
});

Deno.test({
  name: "promtool accepts the metrics, also of an address with a quote",
  ignore: await lacks("promtool"),
  fn: async () => {
    await using daemon = await Daemon.start();
    using session = await daemon.session();
    using _web = await session.bind("127.0.0.1", 0);
    using _quoted = await session.bind('unix:@a"b\\c' + daemon.pid);
    const text = `${await metrics(daemon)}\n`;
    assertEquals(await promtool(["check", "metrics"], text), "");
  },
});

Deno.test({
  name:
    "promtool accepts the alerts of docs/monitoring.md, which name existing metrics",
  ignore: await lacks("promtool"),
  fn: async () => {
    const page = await Deno.readTextFile(treePath("docs/monitoring.md"));
    const [, rules = ""] = /```yaml\n(groups:[^]*?)```/.exec(page) ?? [];
    assertMatch(
      await promtool(["check", "rules", "/dev/stdin"], rules),
      /5 rules found/,
    );
    await using daemon = await Daemon.start();
    using session = await daemon.session();
    using _web = await session.bind("127.0.0.1", 0);
    const text = await metrics(daemon);
    for (const [name] of rules.matchAll(/multibinder_\w+/g)) {
      assertStringIncludes(text, name);
    }
  },
});

Deno.test("metrics --listen serves /metrics and /healthz, and says when the daemon is gone", async () => {
  await using daemon = await Daemon.start();
  const { program, url } = await startServer(daemon);
  await using _program = program;
  const health = url.replace("/metrics", "/healthz");
  const metrics = await fetch(url);
  assertEquals(valueOf(await metrics.text(), "multibinder_up"), 1);
  assertMatch(metrics.headers.get("content-type")!, /^text\/plain; version=/);
  assertEquals(await (await fetch(health)).text(), "ok\n");
  await daemon.stop();
  assertEquals(valueOf(await (await fetch(url)).text(), "multibinder_up"), 0);
  const unhealthy = await fetch(health);
  assertEquals(unhealthy.status, 503);
  assertMatch(await unhealthy.text(), /ENOENT/);
  const unknown = await fetch(url.replace("/metrics", "/"));
  assertEquals([unknown.status, await unknown.text()], [
    404,
    "/metrics or /healthz\n",
  ]);
  program.signal("SIGTERM");
  assertEquals((await program.end()).code, 0);
});

for (const address of ["unix:/run/x", "udp://127.0.0.1:9464", "9464"]) {
  Deno.test(`metrics --listen ${address} is a usage error`, async () => {
    const args = ["metrics", "--listen", address];
    const { code, errors } = await runClient(undefined, args);
    assertEquals(code, 2);
    assertMatch(errors, /^multibinder-client metrics: --listen: /);
  });
}
