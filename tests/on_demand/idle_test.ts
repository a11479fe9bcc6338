import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { IdleWatch } from "../../supervisor/on_demand/idle_watch.ts";
import { waitReady } from "../../ffi/files/readiness.ts";
import { ClosedConnections } from "../../ffi/sockets/closed_connections.ts";
import type { Descriptor } from "../../ffi/files/descriptor.ts";
import { connectionsTo } from "../../ffi/sockets/open_sockets.ts";
import {
  acceptConnection,
  bindSocket,
  listenOn,
  newSocket,
  type SocketType,
  tryConnect,
} from "../../ffi/sockets/socket.ts";
import {
  type InternetAddress,
  localAddress,
  type SocketAddress,
} from "../../ffi/sockets/socket_address.ts";
import { Descriptor as Accepted } from "../../ffi/files/descriptor.ts";
import { startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually, PATIENCE } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { stopped } from "../support/process_life.ts";
import { PYTHON, Supervised } from "../support/run/supervised.ts";
import { Scratch, treePath } from "../support/tree.ts";

const ignore = await lacks(PYTHON);

const OPTIONS = ["--ready", "notify", "--on-demand"];

function hasConnections({ fd }: Descriptor): boolean {
  const found = connectionsTo(fd);
  assert(found !== undefined);
  return found.isAny;
}

function waitingAt({ fd }: Descriptor): readonly string[] {
  return connectionsTo(fd)!.waiting;
}

function listen(address: SocketAddress, type: SocketType): Descriptor {
  const listener = newSocket(address, type);
  bindSocket(listener.fd, address);
  listenOn(listener.fd, 16);
  return listener;
}

function connectTo(
  listener: Descriptor,
  type: SocketType,
  to = localAddress(listener.fd),
): Descriptor {
  const client = newSocket(to, type);
  assertEquals(tryConnect(client.fd, to), 0);
  return client;
}

/** Accepts a connection: its last step may follow the return of connect(2). */
async function accept({ fd }: Descriptor): Promise<Descriptor> {
  assert(await waitReady(fd, "read", PATIENCE));
  return new Accepted(acceptConnection(fd));
}

/** Connects, accepts and closes. */
async function shortConnection(
  listener: Descriptor,
  type: SocketType,
): Promise<void> {
  using client = connectTo(listener, type);
  using accepted = await accept(listener);
  client.close();
  accepted.close();
}

Deno.test("connections are found in the accept queue and while they are open, of each kind of socket", async () => {
  await using scratch = await Scratch.make();
  const ipv4 = { family: "ipv4", host: "127.0.0.1", port: 0 } as const;
  const ipv6 = { family: "ipv6", host: "::", port: 0 } as const;
  const path = scratch.join("socket");
  const cases: [SocketAddress, SocketType][] = [
    [ipv4, "stream"],
    [{ ...ipv4, host: "0.0.0.0" }, "stream"],
    [ipv6, "stream"],
    [{ family: "unix", path }, "stream"],
    [{ family: "unix", path: `@${path}` }, "stream"],
    [{ family: "unix", path: `${path}.seq` }, "seqpacket"],
  ];
  for (const [address, type] of cases) {
    using listener = listen(address, type);
    const bound = localAddress(listener.fd);
    const to = bound.family === "unix"
      ? bound
      : { ...ipv4, port: bound.port } as const;
    assertEquals(hasConnections(listener), false);
    using client = connectTo(listener, type, to);
    await eventually("one in the queue", () => hasConnections(listener));
    const [first] = waitingAt(listener);
    using second = connectTo(listener, type, to);
    await eventually("two wait", () => waitingAt(listener).length === 2);
    using accepted = await accept(listener);
    assertEquals(waitingAt(listener).length, 1);
    assert(!waitingAt(listener).includes(first!), "it does not wait any more");
    using other = await accept(listener);
    other.close();
    second.close();
    assertEquals(hasConnections(listener), true, "accepted");
    client.close();
    assertEquals(hasConnections(listener), true, "not closed by the server");
    accepted.close();
    await eventually("no connection", () => !hasConnections(listener));
  }
});

Deno.test("connections to the same port of another host are not found", async () => {
  const one = { family: "ipv4", host: "127.0.0.1", port: 0 } as const;
  using listener = listen(one, "stream");
  const { port } = localAddress(listener.fd) as InternetAddress;
  using other = listen({ ...one, host: "127.0.0.2", port }, "stream");
  using _client = connectTo(other, "stream");
  await eventually("one in the queue", () => hasConnections(other));
  assertEquals(hasConnections(listener), false);
});

Deno.test("a closed connection to one of the ports is noticed, and none to another port", async () => {
  const address = { family: "ipv4", host: "127.0.0.1", port: 0 } as const;
  using listeners = new DisposableStack();
  const [one, two, other] = [1, 2, 3]
    .map(() => listeners.use(listen(address, "stream")));
  const ports = [one, two]
    .map((each) => (localAddress(each!.fd) as InternetAddress).port);
  using closed = ClosedConnections.at(ports);
  assert(closed !== undefined);
  for (const listener of [one, two]) {
    assertEquals(closed.takeAny(), false);
    await shortConnection(listener!, "stream");
    await eventually("noticed", () => closed.takeAny());
  }
  await shortConnection(other!, "stream");
  await shortConnection(one!, "stream");
  await eventually("noticed", () => closed.takeAny());
});

Deno.test("a connection that is opened and closed between two looks begins the time anew", async () => {
  const address = { family: "ipv4", host: "127.0.0.1", port: 0 } as const;
  using listener = listen(address, "stream");
  const limit = 600;
  const idle = Promise.withResolvers<number>();
  using _watch = new IdleWatch([listener.fd], limit, {
    idle: () => idle.resolve(performance.now()),
    blind: () => idle.reject(new Error("blind")),
  });
  let closed = 0;
  setTimeout(async () => {
    await shortConnection(listener, "stream");
    closed = performance.now();
  }, limit / 2);
  assert(await idle.promise >= closed + limit);
});

Deno.test({
  name:
    "--idle: the program is ended after the time without connections, and the next connection starts it again",
  ignore,
  fn: async () => {
    await using service = await Supervised.start(undefined, {
      options: [...OPTIONS, "--idle", "200ms"],
    });
    const { pid } = await service.ask();
    await service.says("no connection for 200 ms: asked to end");
    await service.says("waits for a connection");
    // Until it has ended it may accept what arrives.
    await service.says("generation 1: process");
    const slow = service.ask("/slow");
    await service.program.output.next("slow");
    const open = performance.now();
    // Ten times as long as the limit: the connection is open.
    while (performance.now() - open < 2_000) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert(!service.program.errors.text.includes("generation 2: no"));
    }
    await service.letGoOn();
    assertNotEquals((await slow).pid, pid);
    await service.says("generation 2: no connection for 200 ms");
    service.program.signal("SIGTERM");
    assertEquals((await service.program.end()).code, 0);
  },
});

Deno.test({
  name:
    "a connection that arrives while the program ends starts the next one at once",
  ignore,
  fn: async () => {
    await using service = await Supervised.start(
      { name: "v1", ready: "notify", ignore: true },
      { options: [...OPTIONS, "--idle", "200ms", "--drain-timeout", "10m"] },
    );
    const { pid } = await service.ask();
    await service.plan({ name: "v2", ready: "notify" });
    await service.says("generation 1: no connection");
    await stopped(pid);
    assertEquals((await service.ask()).name, "v2");
    assert(!service.program.errors.text.includes("generation 1: process"));
    Deno.kill(pid, "SIGKILL");
  },
});

Deno.test({
  name:
    "--idle ends nothing where the kernel does not report the sockets, and says so once",
  ignore: ignore || await lacks("unshare") || Deno.uid() !== 0,
  fn: async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    await Deno.writeTextFile(
      scratch.join("plan"),
      JSON.stringify({ name: "v1", ready: "notify" }),
    );
    const address = `unix:${scratch.join("socket")}`;
    await using run = startClient(daemon, [
      "run",
      "--ready",
      "notify",
      "--on-demand",
      "--idle",
      "100ms",
      address,
      "--",
      PYTHON,
      treePath("tests/support/run/service.py"),
      scratch.join("plan"),
    ], { under: ["unshare", "--net"] });
    await run.errors.next("waits for a connection");
    const path = scratch.join("socket");
    using client = await Deno.connect({ transport: "unix", path });
    await client.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
    await new Response(client.readable).text();
    await run.errors.next("--idle has no effect: the kernel does not report");
    run.signal("SIGHUP");
    await run.errors.next("generation 2: ready");
    run.signal("SIGTERM");
    const { errors } = await run.end();
    assertEquals(errors.match(/has no effect/g)?.length, 1);
    assert(!errors.includes("asked to end"));
  },
});
