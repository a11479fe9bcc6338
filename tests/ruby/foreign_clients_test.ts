import { assertEquals, assertMatch } from "@std/assert";
import { bind } from "../../client.ts";
import { backlogOf, tcpAddress } from "../support/binds/listening_socket.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks, runForeign } from "../support/foreign_program.ts";
import { requestText } from "../support/raw_connection.ts";

const withRuby = { ignore: await lacks("ruby") };
const withPython = { ignore: await lacks("python3") };

for (
  const [how, ...options] of [
    ["as it is"],
    ["without id", "--no-id"],
    ["byte by byte", "--pieces"],
    ["byte by byte and without id", "--pieces", "--no-id"],
  ] as const
) {
  Deno.test(
    `the Ruby client's request, sent ${how}, is granted`,
    withRuby,
    async () => {
      await using daemon = await Daemon.start();
      const { sock } = daemon;
      using web = await bind("127.0.0.1", 0, { sock });
      const { hostname, port } = tcpAddress(web);
      const { code, answers } = await runForeign(
        "client.rb",
        sock,
        "127.0.0.1",
        "0",
        ...options,
      );
      assertEquals(answers, [{
        result: true,
        id_matches: true,
        local: [hostname, port],
        listening: true,
        blocking: true,
        answers: 1,
        descriptors: 1,
        newline: true,
      }]);
      assertEquals(code, 0);
    },
  );
}

Deno.test(
  "50 requests of the Ruby client in one write get 50 answers and sockets",
  withRuby,
  async () => {
    await using daemon = await Daemon.start();
    const { code, answers: [answer] } = await runForeign(
      "client.rb",
      daemon.sock,
      "127.0.0.1",
      "0",
      "--pipeline",
      "50",
    );
    assertEquals([code, answer?.answers, answer?.descriptors], [0, 50, 50]);
    assertEquals([answer?.id_matches, answer?.listening], [true, true]);
  },
);

Deno.test("the Ruby client's backlog takes effect", withRuby, async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using web = await bind("127.0.0.1", 0, { sock });
  const { code } = await runForeign(
    "client.rb",
    sock,
    "127.0.0.1",
    "0",
    "--backlog",
    "37",
  );
  assertEquals([code, backlogOf(web)], [0, 37]);
});

Deno.test(
  "the Ruby client reads an error answer of the daemon",
  withRuby,
  async () => {
    await using daemon = await Daemon.start();
    const { code, answers: [answer] } = await runForeign(
      "client.rb",
      daemon.sock,
      "192.0.2.1",
      "80",
    );
    assertEquals(code, 1);
    assertEquals(answer?.jsonrpc, "2.0");
    const { message, ...rest } = answer?.error as Record<string, unknown>;
    assertMatch(String(message), /^Could not bind: .*192\.0\.2\.1/);
    const data = { errno: 99, code: "EADDRNOTAVAIL", syscall: "bind" };
    assertEquals(rest, { code: 10000, data });
  },
);

for (const options of [[], ["--pieces"]]) {
  const how = options.length === 0 ? "in one piece" : "byte by byte";
  Deno.test(
    `a Python client's request, sent ${how}, is granted`,
    withPython,
    async () => {
      await using daemon = await Daemon.start();
      using web = await bind("127.0.0.1", 0, { sock: daemon.sock });
      const { hostname, port } = tcpAddress(web);
      const { code, answers: [line] } = await runForeign(
        "client.py",
        daemon.sock,
        requestText("é", "bind", [{ address: "127.0.0.1", port: 0 }]),
        ...options,
      );
      assertEquals(code, 0);
      assertEquals(line?.answer, { jsonrpc: "2.0", id: "é", result: true });
      assertEquals(line?.newline, true);
      const { inode, ...socket } =
        (line?.descriptors as [{ inode: number }])[0];
      assertEquals(socket as unknown, {
        family: "AF_INET",
        type: "SOCK_STREAM",
        local: [hostname, port],
        listening: true,
        blocking: true,
        close_on_exec: true,
      });
      assertEquals(inode, (await Deno.stat(`/proc/self/fd/${web.fd}`)).ino);
    },
  );
}

Deno.test(
  "a Python client gets the sockets of a batch with one answer",
  withPython,
  async () => {
    await using daemon = await Daemon.start();
    const requests = ["127.0.0.1", "127.0.0.2"].map((address, id) =>
      requestText(id, "bind", [{ address, port: 0 }])
    );
    const { code, answers } = await runForeign(
      "client.py",
      daemon.sock,
      `[${requests.join(",")}]`,
    );
    const sockets = answers[0]?.descriptors as { local: [string, number] }[];
    assertEquals([code, answers.length], [0, 1]);
    assertEquals(
      sockets.map(({ local: [host] }) => host),
      ["127.0.0.1", "127.0.0.2"],
    );
  },
);
