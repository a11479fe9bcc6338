import { assert, assertEquals, assertMatch } from "@std/assert";
import { bind } from "../../client.ts";
import type { ListedSocket } from "../../client/command/list/listing.ts";
import { tcpAddress } from "../support/binds/listening_socket.ts";
import { FakeServer } from "../support/client/fake_server.ts";
import { clientCommand, runClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { Program } from "../support/program.ts";
import { Scratch } from "../support/tree.ts";

async function listed(daemon: Daemon, ...args: string[]): Promise<string> {
  const { code, output, errors } = await runClient(daemon, ["list", ...args]);
  assertEquals({ code, errors }, { code: 0, errors: "" });
  return output;
}

Deno.test("list of a daemon without binds says so, and is [] as JSON", async () => {
  await using daemon = await Daemon.start();
  assertEquals(await listed(daemon), "The daemon holds no socket.");
  assertEquals(await listed(daemon, "--json"), "[]");
});

Deno.test("list ADDR has only the sockets of an address, also by the port that the kernel chose", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using web = await bind("127.0.0.1", 0, { sock });
  (await bind("::1", 0, { sock })).close();
  const addressesOf = async (address: string) => {
    const found: ListedSocket[] = JSON.parse(
      await listed(daemon, address, "--json"),
    );
    return found.map(({ address }) => address);
  };
  assertEquals(await addressesOf("127.0.0.1:0"), ["127.0.0.1:0"]);
  const { port } = tcpAddress(web);
  assertEquals(await addressesOf(`127.0.0.1:${port}`), ["127.0.0.1:0"]);
  assertEquals(await addressesOf("[0::1]:0"), ["[::1]:0"]);
  assertEquals(
    await listed(daemon, "127.0.0.2:80"),
    "The daemon holds no socket of 127.0.0.2:80.",
  );
});

Deno.test("list has one line per socket with its waiting connections, its holders and the last process", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using web = await bind("127.0.0.1", 0, { sock, backlog: 50 });
  using _first = await Deno.connect(tcpAddress(web));
  using _second = await Deno.connect(tcpAddress(web));
  (await bind("127.0.0.2", 0, { sock })).close();
  const [heading = "", first = "", second = ""] = (await listed(daemon))
    .split("\n");
  const columns = "ADDRESS KIND BACKLOG WAITING AGE HANDED OUT HOLDERS LAST TO";
  assertEquals(heading.split(/ +/).join(" "), columns);
  const last = `pid ${Deno.pid} uid ${Deno.uid()} \\d+[smh] ago`;
  assertMatch(
    first,
    new RegExp(
      `^127\\.0\\.0\\.1:0 \\(${
        tcpAddress(web).port
      }\\) +tcp +50 +2 +\\d+[smh] +1 +${Deno.pid} deno.*  ${last}$`,
    ),
  );
  assertMatch(
    second,
    new RegExp(
      `^127\\.0\\.0\\.2:0 \\(\\d+\\) +tcp +1000 +0 +\\d+[smh] +1 +daemon only\\?? +${last}$`,
    ),
  );
  const at = heading.indexOf("BACKLOG") + "BACKLOG".length;
  assertEquals([first.slice(at - 2, at), second.slice(at - 4, at)], [
    "50",
    "1000",
  ]);
});

Deno.test("list --json has the daemon's answer with the holders added", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using web = await bind("127.0.0.1", 0, { sock });
  const [held, ...more] = JSON.parse(await listed(daemon, "--json"));
  assertEquals(more, []);
  const { address, kind, options, handed_out, waiting, inode } = held;
  assertEquals({ address, kind, handed_out, waiting }, {
    address: "127.0.0.1:0",
    kind: "tcp",
    handed_out: 1,
    waiting: 0,
  });
  assertEquals(options.backlog, 1000);
  assertMatch(inode, /^\d+$/);
  assert(Number.isInteger(held.unreadable));
  const [{ pid, uid, user, command, descriptors }] = held.holders;
  assertEquals({ pid, uid, descriptors, holders: held.holders.length }, {
    pid: Deno.pid,
    uid: Deno.uid(),
    descriptors: [web.fd],
    holders: 1,
  });
  assertEquals(typeof user, "string");
  assert(command.includes("deno"), command);
});

Deno.test("list --no-holders does not search the holders", async () => {
  await using daemon = await Daemon.start();
  using _web = await bind("127.0.0.1", 0, { sock: daemon.sock });
  const [held] = JSON.parse(await listed(daemon, "--json", "--no-holders"));
  assertEquals([held.holders, held.unreadable], [undefined, undefined]);
  const table = await listed(daemon, "--no-holders");
  assert(!table.includes("HOLDERS") && !table.includes("inspected"), table);
});

Deno.test({
  name: "on a terminal no line of list is wider than the terminal",
  ignore: await lacks("script"),
  fn: async () => {
    await using daemon = await Daemon.start();
    using _web = await bind("127.0.0.1", 0, { sock: daemon.sock });
    const command = clientCommand(["list"]).join(" ");
    await using program = Program.start("script", {
      args: ["-qec", `stty cols 50 rows 20; ${command}`, "/dev/null"],
      env: { MULTIBINDER_SOCK: daemon.sock },
    });
    const { code, output } = await program.end();
    assertEquals(code, 0);
    // Deno clears its progress bar before the program prints.
    const lines = output.replaceAll("\r", "").slice(output.indexOf("ADDRESS"))
      .split("\n");
    const [heading = "", first = ""] = lines;
    assert(heading.startsWith("ADDRESS"), output);
    assert(first.startsWith("127.0.0.1:0"), output);
    assertEquals(
      heading.split(/ +/),
      "ADDRESS KIND WAITING HOLDERS".split(" "),
    );
    assertEquals([[...first].length, first.at(-1)], [50, "…"]);
    for (const line of lines) assert([...line].length <= 50, line);
    assert((await listed(daemon)).split("\n")[1]!.length > 80);
  },
});

/** The answer of an older daemon, without options and inodes. */
const OLDER = [
  {
    address: "127.0.0.1:80",
    kind: "tcp",
    options: { backlog: 5 },
    bound_at: "2026-01-01T00:00:00.000Z",
    handed_out: 0,
  },
  { address: "[::1]:80" },
];

Deno.test("list shows the fields that an older daemon sends", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  await using _server = new FakeServer(sock, async (connection) => {
    for (let request; (request = await connection.request());) {
      const { id, method } = request;
      const answer = method === "list"
        ? { result: OLDER }
        : { error: { code: -32601, message: "no such method" } };
      connection.send(JSON.stringify({ jsonrpc: "2.0", id, ...answer }));
    }
  });
  const env = { MULTIBINDER_SOCK: sock };
  const { code, output, errors } = await runClient(undefined, ["list"], {
    env,
  });
  assertEquals({ code, errors }, { code: 0, errors: "" });
  const rows = output.split("\n").slice(1).map((row) => row.split(/ +/));
  assertEquals(rows[0]!.toSpliced(4, 1), [
    ..."127.0.0.1:80 tcp 5 - 0 - -".split(" "),
  ]);
  assertMatch(rows[0]![4]!, /^\d+d$/);
  assertEquals(rows[1], "[::1]:80 - - - - - - -".split(" "));
  const { output: json } = await runClient(undefined, ["list", "--json"], {
    env,
  });
  assertEquals(JSON.parse(json), OLDER);
});
