import { assert, assertEquals } from "@std/assert";
import { localAddress } from "../../ffi/sockets/socket_address.ts";
import {
  type Answer,
  type BindDescription,
  ErrorCode,
  type Status,
} from "../../protocol.ts";
import { Daemon } from "../support/daemon.ts";
import { assertOpen, openIn } from "../support/open_descriptors.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";
import { Scratch } from "../support/tree.ts";

/** A bind that fails: the machine does not have the address. */
const IMPOSSIBLE = { address: "192.0.2.1", port: 0 };

/** Sends a batch; returns the answers and the addresses of the descriptors. */
async function askBatch(
  connection: RawConnection,
  ...requests: [method: string, params?: unknown][]
): Promise<{ answers: Answer[]; bound: string[] }> {
  const texts = requests.map(([method, params], id) =>
    requestText(id, method, params === undefined ? undefined : [params])
  );
  await connection.send(`[${texts.join(",")}]`);
  const line = await connection.next();
  assert(line !== undefined);
  const answers: Answer[] = JSON.parse(line.text);
  assertEquals(answers.map(({ id }) => id), [...texts.keys()]);
  const bound = line.descriptors.map((fd) => {
    const address = localAddress(fd);
    return address.family === "unix" ? address.path : address.host;
  });
  return { answers, bound };
}

async function list(connection: RawConnection): Promise<BindDescription[]> {
  await connection.send(requestText(1, "list"));
  return (await connection.answer()).result as BindDescription[];
}

function assertUndone(answer: Answer | undefined): void {
  assertEquals(answer?.error?.code, ErrorCode.COULD_NOT_BIND);
  assertEquals(answer?.error?.data, { undone: true });
  assertEquals(answer !== undefined && "result" in answer, false);
}

Deno.test("when one bind of a batch fails, every bind is an error and no socket is sent", async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  const before = await openIn(daemon.pid);
  {
    using connection = RawConnection.open(daemon.sock);
    const { answers, bound } = await askBatch(
      connection,
      ["bind", { address: "127.0.0.1", port: 0 }],
      ["bind", { kind: "udp", address: "127.0.0.1", port: 0 }],
      ["bind", { path: scratch.join("web.sock") }],
      ["bind", { kind: "unixgram", path: `@${scratch.join("log")}` }],
      ["bind", IMPOSSIBLE],
      ["bind", { address: "localhost", port: 0 }],
    );
    assertEquals(bound, []);
    for (const index of [0, 1, 2, 3, 5]) assertUndone(answers[index]);
    assertEquals(answers[4]?.error?.data, {
      errno: 99,
      code: "EADDRNOTAVAIL",
      syscall: "bind",
    });
    assertEquals(await list(connection), []);
    assertEquals([...Deno.readDirSync(scratch.path)], []);
  }
  await assertOpen(daemon.pid, before);
});

for (
  const [what, wrong, code] of [
    ["cannot be bound", ["bind", IMPOSSIBLE], ErrorCode.COULD_NOT_BIND],
    ["has wrong params", ["bind", { port: 0 }], ErrorCode.INVALID_PARAMS],
    ["has no params", ["bind"], ErrorCode.INVALID_PARAMS],
    [
      "has an unknown option",
      ["bind", { address: "127.0.0.1", port: 0, colour: "blue" }],
      ErrorCode.INVALID_PARAMS,
    ],
    [
      "has a name that does not resolve",
      ["bind", { address: "x".repeat(64), port: 0 }],
      ErrorCode.COULD_NOT_BIND,
    ],
    [
      "has an unknown owner",
      ["bind", { path: "@multibinder-x", owner: "no-such-account" }],
      ErrorCode.INVALID_PARAMS,
    ],
  ] as [string, [string, unknown?], number][]
) {
  for (const position of ["first", "last"]) {
    Deno.test(`a batch is undone when its ${position} bind ${what}`, async () => {
      await using daemon = await Daemon.start();
      using connection = RawConnection.open(daemon.sock);
      const good: [string, unknown][] = ["127.0.0.1", "127.0.0.2"].map((
        address,
      ) => ["bind", { address, port: 0 }]);
      const { answers, bound } = await askBatch(
        connection,
        ...(position === "first" ? [wrong, ...good] : [...good, wrong]),
      );
      assertEquals(bound, []);
      const failed = answers.splice(position === "first" ? 0 : 2, 1)[0];
      assertEquals(failed?.error?.code, code);
      answers.forEach(assertUndone);
      assertEquals(await list(connection), []);
    });
  }
}

Deno.test("a batch that fails keeps the sockets from before it, and does not count them as handed out", async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const held = { address: "127.0.0.1", port: 0 };
  const file = { path: scratch.join("held.sock") };
  await askBatch(connection, ["bind", held], ["bind", file]);
  const before = await list(connection);
  const { answers, bound } = await askBatch(
    connection,
    ["bind", held],
    ["bind", file],
    ["bind", { path: scratch.join("new.sock") }],
    ["bind", IMPOSSIBLE],
  );
  assertEquals(bound, []);
  answers.slice(0, 3).forEach(assertUndone);
  assertEquals(await list(connection), before);
  const names = [...Deno.readDirSync(scratch.path)].map(({ name }) => name);
  assertEquals(names, ["held.sock"]);
});

Deno.test("one address twice in a batch is one socket, and no socket when the batch fails", async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  const before = await openIn(daemon.pid);
  {
    using connection = RawConnection.open(daemon.sock);
    const path = scratch.join("web.sock");
    const twice: [string, unknown][] = [["bind", { path }], ["bind", { path }]];
    const failed = await askBatch(connection, ...twice, ["bind", IMPOSSIBLE]);
    assertEquals(failed.bound, []);
    assertEquals(await list(connection), []);
    assertEquals([...Deno.readDirSync(scratch.path)], []);
    const { bound } = await askBatch(connection, ...twice);
    assertEquals(bound, [path, path]);
    const [listed, ...more] = await list(connection);
    assertEquals([listed?.handed_out, more], [2, []]);
    await askBatch(connection, ["release", { path }]);
  }
  await assertOpen(daemon.pid, before);
});

Deno.test("a batch that failed can be repeated", async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const path = scratch.join("web.sock");
  await Deno.writeTextFile(path, "in the way");
  const wanted: [string, unknown][] = [
    ["bind", { address: "127.0.0.1", port: 0 }],
    ["bind", { path }],
    ["bind", { kind: "udp", address: "127.0.0.1", port: 0 }],
  ];
  for (let attempt = 0; attempt < 3; attempt++) {
    const { answers, bound } = await askBatch(connection, ...wanted);
    assertEquals(bound, []);
    assertUndone(answers[0]);
    assertUndone(answers[2]);
  }
  await Deno.remove(path);
  const { answers, bound } = await askBatch(connection, ...wanted);
  assertEquals(answers.map(({ result }) => result), [true, true, true]);
  assertEquals(bound, ["127.0.0.1", path, "127.0.0.1"]);
  assertEquals((await list(connection)).map((each) => each.handed_out), [
    1,
    1,
    1,
  ]);
});

Deno.test("a request of a batch sees the effects of the requests before it", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const one = { address: "127.0.0.1", port: 0 };
  const two = { kind: "udp", address: "127.0.0.1", port: 0 };
  const { answers, bound } = await askBatch(
    connection,
    ["bind", one],
    ["list"],
    ["status"],
    ["bind", two],
    ["release", one],
  );
  assertEquals(bound, ["127.0.0.1", "127.0.0.1"]);
  const addresses = (answer: Answer | undefined) =>
    (answer?.result as BindDescription[]).map(({ address }) => address);
  assertEquals(addresses(answers[1]), ["127.0.0.1:0"]);
  assertEquals((answers[2]?.result as Status).binds, 1);
  assertEquals(answers[4]?.result, true);
  await connection.send(requestText(1, "list"));
  const left = addresses(await connection.answer());
  assertEquals(left, ["udp://127.0.0.1:0"]);
});

Deno.test("a release in a batch that fails stays in effect", async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  const before = await openIn(daemon.pid);
  {
    using connection = RawConnection.open(daemon.sock);
    const held = { address: "127.0.0.1", port: 0 };
    const file = { path: scratch.join("web.sock") };
    await askBatch(connection, ["bind", held]);
    const { answers, bound } = await askBatch(
      connection,
      ["release", held],
      ["bind", held],
      ["bind", file],
      ["release", file],
      ["bind", file],
      ["bind", IMPOSSIBLE],
    );
    assertEquals(bound, []);
    assertEquals([answers[0]?.result, answers[3]?.result], [true, true]);
    assertEquals(await list(connection), []);
    assertEquals([...Deno.readDirSync(scratch.path)], []);
  }
  await assertOpen(daemon.pid, before);
});

Deno.test("the requests of a batch count as errors only when the batch fails", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const good: [string, unknown] = ["bind", { address: "127.0.0.1", port: 0 }];
  await askBatch(connection, good, good);
  await askBatch(connection, good, ["bind", IMPOSSIBLE], good, ["list"]);
  await connection.send(requestText(1, "status"));
  const { requests } = (await connection.answer()).result as Status;
  assertEquals(requests.bind, { requests: 5, errors: 3 });
  assertEquals(requests.list, { requests: 1, errors: 0 });
});

Deno.test("253 binds leave no socket when the last one fails", async () => {
  await using daemon = await Daemon.start();
  const before = await openIn(daemon.pid);
  {
    using connection = RawConnection.open(daemon.sock);
    const wanted = Array.from(
      { length: 252 },
      (_, index): [string, unknown] => [
        "bind",
        { kind: "udp", address: `127.0.1.${index}`, port: 0 },
      ],
    );
    const failed = await askBatch(connection, ...wanted, ["bind", IMPOSSIBLE]);
    assertEquals(failed.bound, []);
    failed.answers.slice(0, 252).forEach(assertUndone);
    assertEquals(await list(connection), []);
    const path = `@multibinder-${crypto.randomUUID()}`;
    const one: [string, unknown] = ["bind", { path }];
    const { bound } = await askBatch(connection, ...wanted, one);
    assertEquals(bound, [
      ...wanted.map((_, index) => `127.0.1.${index}`),
      path,
    ]);
    const released = wanted.map(([, params]): [string, unknown] => [
      "release",
      params,
    ]);
    await askBatch(connection, ...released, ["release", one[1]]);
  }
  await assertOpen(daemon.pid, before);
});
