import { assert, assertEquals } from "@std/assert";
import { waitReady } from "../../ffi/files/readiness.ts";
import { NotificationSocket } from "../../ffi/systemd/notification_socket.ts";
import type { Answer } from "../../protocol.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually, PATIENCE } from "../support/eventually.ts";
import { loopbackHost } from "../support/loopback.ts";
import { type RawConnection, requestText } from "../support/raw_connection.ts";

/** A service manager that reads notifications only when it is told to. */
class BusyManager implements AsyncDisposable {
  readonly #socket: NotificationSocket;
  /** The first assignment of each message that it has read, with its name. */
  readonly read: string[] = [];

  private constructor(socket: NotificationSocket, readonly daemon: Daemon) {
    this.#socket = socket;
  }

  static async start(): Promise<BusyManager> {
    const name = `@multibinder-${crypto.randomUUID()}`;
    const socket = new NotificationSocket(name);
    const daemon = await Daemon.start({ env: { NOTIFY_SOCKET: name } });
    const manager = new BusyManager(socket, daemon);
    await manager.readUntil("READY=1");
    return manager;
  }

  /** Reads all messages up to one. Closes the descriptors of each. */
  async readUntil(part: string): Promise<void> {
    while (true) {
      assert(await waitReady(this.#socket.fd, "read", PATIENCE), `no ${part}`);
      const { assignments } = this.#socket.receive()!;
      const [first = ""] = assignments;
      const name = assignments.find((each) => each.startsWith("FDNAME="));
      this.read.push(name === undefined ? first : `${first} ${name}`);
      if (first.startsWith(part)) return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]();
    this.#socket[Symbol.dispose]();
  }
}

/** Binds in an order that the messages show. */
async function bound(
  connection: RawConnection,
  params: unknown,
): Promise<Answer> {
  await connection.send(requestText(1, "bind", [params]));
  const answer = await connection.answer();
  connection.closeReceived();
  return answer;
}

/** Whether the daemon has answered; it answers other clients meanwhile. */
async function isAnswered(
  daemon: Daemon,
  connection: RawConnection,
): Promise<boolean> {
  await daemon.status();
  return await waitReady(connection.fd, "read", 0);
}

Deno.test("while a release waits for the service manager, other clients are served", async () => {
  await using manager = await BusyManager.start();
  const { daemon } = manager;
  using one = daemon.rawConnection();
  const web = { address: loopbackHost(), port: 0 };
  await bound(one, web);
  await one.send(requestText(2, "release", [web]));
  using other = daemon.rawConnection();
  for (let port = 0; port < 3; port++) {
    const { result } = await bound(other, { address: loopbackHost(), port: 0 });
    assertEquals(result, true);
  }
  assertEquals(await isAnswered(daemon, one), false);
  await manager.readUntil("BARRIER=1");
  assertEquals((await one.answer()).result, true);
});

Deno.test("a bind of an address that the service manager still holds waits for it", async () => {
  await using manager = await BusyManager.start();
  const { daemon } = manager;
  const path = `@multibinder-${crypto.randomUUID()}`;
  using one = daemon.rawConnection();
  await bound(one, { path });
  await one.send(requestText(2, "release", [{ path }]));
  await eventually("a released socket", async () => {
    return (await daemon.status()).binds === 0;
  });
  using other = daemon.rawConnection();
  using batch = daemon.rawConnection();
  await other.send(requestText(3, "bind", [{ path }]));
  const wanted = [{ path: `${path}-2` }, { path }]
    .map((params, id) => JSON.parse(requestText(id, "bind", [params])));
  await batch.send(JSON.stringify(wanted));
  for (const each of [one, other, batch]) {
    assertEquals(await isAnswered(daemon, each), false);
  }
  await manager.readUntil("BARRIER=1");
  assertEquals((await one.answer()).result, true);
  assertEquals((await other.answer()).result, true);
  const answers: unknown = await batch.answer();
  assertEquals((answers as Answer[]).map(({ result }) => result), [true, true]);
});

Deno.test("the service manager gets the removal of a socket before its successor", async () => {
  await using manager = await BusyManager.start();
  const { daemon } = manager;
  using connection = daemon.rawConnection();
  const web = { address: "127.0.0.1", port: 0 };
  await bound(connection, web);
  const batch = [["release", web], ["bind", web]]
    .map(([method, params], id) =>
      JSON.parse(requestText(id, `${method}`, [params]))
    );
  await connection.send(JSON.stringify(batch));
  await manager.readUntil("BARRIER=1");
  const answers: unknown = await connection.answer();
  assertEquals((answers as Answer[]).map(({ result }) => result), [true, true]);
  await daemon.stop();
  await manager.readUntil("STOPPING=1");
  const name = "FDNAME=multibinder;tcp;127.0.0.1;0";
  assertEquals(manager.read.filter((each) => each.includes(name)), [
    `FDSTORE=1 ${name}`,
    `FDSTOREREMOVE=1 ${name}`,
    `FDSTORE=1 ${name}`,
  ]);
});

Deno.test("a service manager that reads nothing delays no bind, and gets all messages in order later", async () => {
  await using manager = await BusyManager.start();
  const { daemon } = manager;
  using connection = daemon.rawConnection();
  const names: string[] = [];
  // More messages than the queue of a socket takes: net.unix.max_dgram_qlen.
  const queue = Number(
    await Deno.readTextFile("/proc/sys/net/unix/max_dgram_qlen"),
  );
  const count = queue / 2 + 50;
  const host = loopbackHost().split(".").slice(0, 3).join(".");
  for (let each = 0; each < count; each++) {
    const address = `${host}.${each % 250}`;
    const port = each < 250 ? 0 : 20000 + each;
    const { result } = await bound(connection, { address, port });
    assertEquals(result, true);
    names.push(`FDSTORE=1 FDNAME=multibinder;tcp;${address};${port}`);
  }
  await connection.send(
    requestText(2, "release", [{ address: `${host}.0`, port: 0 }]),
  );
  await manager.readUntil("BARRIER=1");
  assertEquals((await connection.answer()).result, true);
  const stored = manager.read.filter((each) => each.startsWith("FDSTORE=1"));
  assertEquals(stored.filter((each) => names.includes(each)), names);
  assert(!daemon.program.errors.text.includes("notification failed"));
});

Deno.test("a release that waits for the service manager is answered before a re-exec", async () => {
  await using manager = await BusyManager.start();
  const { daemon } = manager;
  using connection = daemon.rawConnection();
  const web = { address: loopbackHost(), port: 0 };
  await bound(connection, web);
  await connection.send(requestText(7, "release", [web]));
  await eventually("a released socket", async () => {
    return (await daemon.status()).binds === 0;
  });
  await daemon.reexec();
  const { id, result } = await connection.answer();
  assertEquals([id, result], [7, true]);
});
