import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  bind,
  type Binding,
  connect,
  type Holder,
  holdersOf,
} from "../../client.ts";
import { socketOf } from "../support/binds/listening_socket.ts";
import { runClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { Program } from "../support/program.ts";
import { OpenScratch, unprivileged } from "../support/unprivileged.ts";

/** Starts a process that inherits sockets and sleeps. */
function startSleeping(...sockets: Binding[]): Program {
  // Reading fd makes the descriptor inheritable.
  for (const { fd } of sockets) assert(fd > 2);
  return Program.start("sleep", { args: ["300"] });
}

type Brief = Omit<Holder, "user">;

/** Sorted by pid, without fields that differ between machines. */
function briefly(holders: readonly Holder[] = []): Brief[] {
  return holders.map(({ pid, command, uid, descriptors }) => {
    return { pid, command: command.replace(/^.*\//, ""), uid, descriptors };
  }).toSorted((one, other) => one.pid - other.pid);
}

Deno.test("holders() finds each process that holds a socket, with command, user and descriptors", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using session = await connect({ sock });
  using web = await session.bind("127.0.0.1", 0);
  await using one = startSleeping(web);
  using api = await session.bind("127.0.0.2", 0);
  await using both = startSleeping(api);
  const binds = await session.list();
  const except = [daemon.pid, Deno.pid];
  const { byInode } = await holdersOf(binds, { except });
  const holder = ({ pid }: Program, fd: number) => {
    return { pid, command: "sleep 300", uid: Deno.uid(), descriptors: [fd] };
  };
  const [first, second] = binds.map(({ inode }) => byInode.get(inode));
  assertEquals(
    briefly(first),
    [holder(one, web.fd), holder(both, web.fd)]
      .toSorted((one, other) => one.pid - other.pid),
  );
  assertEquals(briefly(second), [holder(both, api.fd)]);
});

Deno.test({
  name: "a holder's user has the name that id(1) knows",
  ignore: await lacks("id"),
  fn: async () => {
    await using daemon = await Daemon.start();
    using session = await connect({ sock: daemon.sock });
    using _web = await session.bind("127.0.0.1", 0);
    await using id = Program.start("id", { args: ["-un"] });
    const { output } = await id.end();
    const { byInode } = await holdersOf(await session.list());
    const users = [...byInode.values()].flat().map(({ user }) => user);
    assertEquals(users, [output, output]);
  },
});

Deno.test("the daemon and this process are holders too, unless excluded", async () => {
  await using daemon = await Daemon.start();
  using session = await connect({ sock: daemon.sock });
  using web = await session.bind("127.0.0.1", 0);
  using copy = await session.bind("127.0.0.1", 0);
  const binds = await session.list();
  assertEquals(socketOf(web), `socket:[${binds[0]!.inode}]`);
  const { byInode } = await holdersOf(binds);
  const holders = byInode.get(binds[0]!.inode) ?? [];
  const pids = holders.map(({ pid }) => pid).toSorted();
  assertEquals(pids, [daemon.pid, Deno.pid].toSorted());
  const ours = holders.find(({ pid }) => pid === Deno.pid);
  assertEquals(
    ours?.descriptors.toSorted(),
    [web.fd, copy.fd].toSorted(),
  );
});

Deno.test("a process that has exited or closed its copy is not a holder", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  const web = await bind("127.0.0.1", 0, { sock });
  await using child = startSleeping(web);
  web.close();
  using session = await connect({ sock });
  const binds = await session.list();
  const except = [daemon.pid];
  const held = await holdersOf(binds, { except });
  assertEquals([...held.byInode.values()].flat().map(({ pid }) => pid), [
    child.pid,
  ]);
  child.signal("SIGKILL");
  await child.end();
  const after = await holdersOf(binds, { except });
  assertEquals(after.byInode.size, 0);
});

Deno.test("holders() reads no process if the daemon does not report inodes", async () => {
  const looked: number[] = [];
  class Noting extends Array<number> {
    override includes(pid: number): boolean {
      looked.push(pid);
      return true;
    }
  }
  const except = new Noting();
  const { byInode, unreadable } = await holdersOf([{}, {}], { except });
  assertEquals([byInode.size, unreadable, looked], [0, 0, []]);
  await holdersOf([{}, { inode: "1" }], { except });
  assert(looked.includes(Deno.pid));
});

Deno.test("an aborted signal rejects holders() with its reason", async () => {
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  try {
    await holdersOf([{ inode: "1" }], { signal });
  } catch (error) {
    return assertStrictEquals(error, reason);
  }
  throw new Error("it went on");
});

Deno.test({
  name:
    "an unprivileged user gets its own holders and the number of unreadable processes",
  ignore: await lacks("setpriv"),
  fn: async () => {
    await using scratch = await OpenScratch.make();
    const sock = scratch.join("control.sock");
    await using daemon = await Daemon.start({ sock, args: ["--mode", "0666"] });
    const web = await bind("127.0.0.1", 0, { sock });
    await using _rootsOwn = startSleeping(web);
    const [command = "", ...args] = [...unprivileged, "sleep", "300"];
    await using own = Program.start(command, { args });
    web.close();
    const { code, output, errors } = await runClient(
      daemon,
      ["list", "--json"],
      { under: unprivileged, env: scratch.env },
    );
    assertEquals({ code, errors }, { code: 0, errors: "" });
    const [{ holders, unreadable }] = JSON.parse(output);
    const seen = briefly(holders).map(({ pid }) => pid);
    assert(seen.includes(own.pid), output);
    if (Deno.uid() !== 0) return;
    assertEquals(seen, [own.pid]);
    assert(unreadable >= 2, `${unreadable}`);
    const { output: table } = await runClient(daemon, ["list"], {
      under: unprivileged,
      env: scratch.env,
    });
    const note =
      /^\d+ processes could not be inspected and may hold them too; /m;
    assert(note.test(table), table);
  },
});
