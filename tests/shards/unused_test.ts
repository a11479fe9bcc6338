import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { bind, type Binding, connect, spawn } from "../../client.ts";
import { waitReady } from "../../ffi/files/readiness.ts";
import { tcpAddress } from "../support/binds/listening_socket.ts";
import {
  Daemon,
  daemonCommand,
  MINIMAL_FLAGS,
  type RunningDaemon,
} from "../support/daemon.ts";
import { eventually, PATIENCE } from "../support/eventually.ts";
import { Program } from "../support/program.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";
import { granted } from "../support/socket_kinds/raw_bind.ts";
import { Scratch, treePath } from "../support/tree.ts";

const ADDRESS = "127.0.0.1:0";
const WEB = { address: "127.0.0.1", port: 0 };

/** A program that has received these shards of a group of four. */
async function holderOf(
  { sock }: RunningDaemon,
  ...shards: number[]
): Promise<Program> {
  const holder = treePath("tests/support/shards/holder.ts");
  const args = [holder, sock, ADDRESS, ...shards.map(String)];
  const program = Program.start(Deno.execPath(), {
    args: ["run", "--no-check", ...MINIMAL_FLAGS, ...args],
  });
  await program.output.next("bound");
  return program;
}

async function kill(program: Program): Promise<void> {
  program.signal("SIGKILL");
  await program.end();
}

/** How many shards get connections, and how many connections wait at each. */
async function groupOf(
  sock: string,
): Promise<{ shards: number | undefined; waiting: number[] }> {
  using session = await connect({ sock });
  const listed = await session.list();
  return {
    shards: listed[0]?.options.shards,
    waiting: listed.map(({ waiting = 0 }) => waiting),
  };
}

/** Connections that stay open. */
class Clients implements Disposable {
  readonly #open: Deno.TcpConn[] = [];

  constructor(readonly sock: string) {}

  /** Connects, and waits until the queues have all: see support/shards/group.ts. */
  async connect(binding: Binding, count: number): Promise<void> {
    const waiting = async () =>
      (await groupOf(this.sock)).waiting.reduce((sum, each) => sum + each, 0);
    const expected = await waiting() + count;
    const { hostname, port } = tcpAddress(binding);
    for (let done = 0; done < count; done++) {
      this.#open.push(await Deno.connect({ hostname, port }));
    }
    await eventually(
      `${expected} connections in the queues`,
      async () => await waiting() >= expected,
    );
  }

  [Symbol.dispose](): void {
    for (const each of this.#open) each.close();
  }
}

Deno.test("a plain bind gets every new connection once the programs with the shards are gone", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  await using holder = await holderOf(daemon, 0, 1, 2, 3);
  using clients = new Clients(sock);
  {
    using beside = await bind(ADDRESS, { sock });
    assertEquals((await groupOf(sock)).shards, 4);
    await kill(holder);
    await clients.connect(beside, 60);
  }
  const before = await groupOf(sock);
  assert(before.waiting.every((count) => count > 0), `${before.waiting}`);
  using plain = await bind(ADDRESS, { sock });
  assertEquals(await groupOf(sock), { ...before, shards: 1 });
  const line = await daemon.program.errors.next("unused shards");
  assertStringIncludes(line, "address=127.0.0.1:0 shards=1 before=4");
  await clients.connect(plain, 20);
  const after = await groupOf(sock);
  const [first = 0, ...others] = before.waiting;
  assertEquals(after.waiting, [first + 20, ...others]);
  // What waits is not lost: the next program with the shard accepts it.
  using second = await bind(ADDRESS, { sock, shard: 1, shards: 4 });
  assert(await waitReady(second.fd, "read", PATIENCE));
  assertEquals((await groupOf(sock)).shards, 4);
});

Deno.test("a plain bind leaves out no shard up to the last one that a program may use", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  await using _low = await holderOf(daemon, 1);
  await using high = await holderOf(daemon, 0, 2, 3);
  using _first = await bind(ADDRESS, { sock });
  assertEquals((await groupOf(sock)).shards, 4);
  await kill(high);
  using _second = await bind(ADDRESS, { sock });
  assertEquals((await groupOf(sock)).shards, 2);
  await daemon.reexec();
  using _third = await bind(ADDRESS, { sock });
  assertEquals((await groupOf(sock)).shards, 2);
});

Deno.test("a bind that is undone, or that changes nothing, leaves unused shards as they are", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  await kill(await holderOf(daemon, 0, 1, 2, 3));
  using connection = RawConnection.open(sock);
  const impossible = { address: "192.0.2.1", port: 1 };
  const binds = [[WEB], [impossible]].map((params, id) =>
    requestText(id, "bind", params)
  );
  await connection.send(`[${binds.join(",")}]`);
  assertStringIncludes((await connection.next())!.text, "another bind");
  assertEquals((await groupOf(sock)).shards, 4);
  await granted(connection, { ...WEB, held: true });
  connection.closeReceived();
  assertEquals((await groupOf(sock)).shards, 4);
  assertEquals(daemon.program.errors.text.includes("unused shards"), false);
});

Deno.test("a shard that came from a descriptor store counts as used: nobody knows who has it", async () => {
  await using scratch = await Scratch.make();
  await using old = await Daemon.start();
  const bindings: Record<string, Binding> = {};
  for (const shard of [0, 1, 2, 3]) {
    const name = `multibinder;tcp;127.0.0.1;0;shard;${shard}`;
    bindings[shard === 0 ? name.replace(/;shard.*/, "") : name] = await bind(
      ADDRESS,
      { sock: old.sock, shard, shards: 4 },
    );
  }
  await kill(old.program);
  const sock = scratch.join("control.sock");
  const [command = "", ...args] = daemonCommand(sock);
  await using _daemon = spawn(command, { args, bindings });
  using _plain = await bind(ADDRESS, { sock });
  assertEquals((await groupOf(sock)).shards, 4);
  for (const each of Object.values(bindings)) each.close();
});
