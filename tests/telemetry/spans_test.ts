import { assert, assertEquals, assertMatch } from "@std/assert";
import { bind, connect } from "../../client.ts";
import { Daemon } from "../daemon.ts";
import { ask, requestText } from "../raw_connection.ts";
import { Scratch } from "../tree.ts";
import { Collector } from "./collector.ts";

const SERVER_KIND = 2;
const ERROR = 2;

const US = {
  "multibinder.peer.pid": Deno.pid,
  "multibinder.peer.uid": Deno.uid(),
  "multibinder.peer.gid": Deno.gid(),
};

Deno.test("a bind is a span that says which socket, whether new, and who asked", async () => {
  await using collector = new Collector();
  await using daemon = await Daemon.start({ env: collector.env });
  for (const socket of ["new", "held"]) {
    using _web = await bind("127.0.0.1", 0, { sock: daemon.sock });
    const span = await collector.span("multibinder.bind", {
      "multibinder.socket": socket,
    });
    assertEquals(span.kind, SERVER_KIND);
    assertEquals(span.status.code, 0);
    assertEquals(span.attributes, {
      "rpc.system": "jsonrpc",
      "rpc.method": "bind",
      ...US,
      "multibinder.address": "127.0.0.1:0",
      "multibinder.socket": socket,
      "network.transport": "tcp",
      "network.local.address": "127.0.0.1",
      "network.local.port": 0,
    });
  }
});

Deno.test("the span of a bind of a path has the path for its address", async () => {
  await using scratch = await Scratch.make();
  await using collector = new Collector();
  await using daemon = await Daemon.start({ env: collector.env });
  const path = scratch.join("web.sock");
  using _web = await bind(`seqpacket:${path}`, { sock: daemon.sock });
  const { attributes } = await collector.span("multibinder.bind");
  assertEquals(attributes["network.transport"], "unix");
  assertEquals(attributes["network.local.address"], path);
  assertEquals(attributes["network.local.port"], undefined);
  assertEquals(attributes["multibinder.address"], `seqpacket:${path}`);
});

Deno.test("a bind that fails is a span with the error's code and message", async () => {
  await using collector = new Collector();
  await using daemon = await Daemon.start({ env: collector.env });
  const params = [{ address: "192.0.2.1", port: 0 }];
  const answer = await ask(daemon.sock, requestText(1, "bind", params));
  const { status, attributes } = await collector.span("multibinder.bind");
  assertEquals(status.code, ERROR);
  assertMatch(status.message, /^Could not bind: .*EADDRNOTAVAIL/);
  assertEquals(status.message, answer.error?.message);
  assertEquals(attributes, {
    "rpc.system": "jsonrpc",
    "rpc.method": "bind",
    ...US,
    "rpc.jsonrpc.error_code": 10000,
    "error.type": "EADDRNOTAVAIL",
  });
});

Deno.test("list, release and status are spans of their own names", async () => {
  await using collector = new Collector();
  await using daemon = await Daemon.start({ env: collector.env });
  using session = await connect({ sock: daemon.sock });
  (await session.bind("127.0.0.1", 0)).close();
  await session.list();
  await session.release("127.0.0.1:0");
  await session.status();
  await collector.spanCount(4);
  assertEquals(
    collector.spans.map(({ name, status }) => [name, status.code]),
    ["bind", "list", "release", "status"].map((
      method,
    ) => [`multibinder.${method}`, 0]),
  );
});

const NO_METHODS: [what: string, request: string, code: number][] = [
  ["a method that is not ours", requestText(1, "x".repeat(60_000)), -32601],
  ["a method with a name of Object's", requestText(1, "valueOf"), -32601],
  ["a request without a method", '{"jsonrpc":"2.0","id":1}', -32600],
  ["an empty batch", "[]", -32600],
  ["what is no JSON", "{x}", -32700],
];

for (const [what, request, code] of NO_METHODS) {
  Deno.test(`${what} is a span called other, with a short message`, async () => {
    await using collector = new Collector();
    await using daemon = await Daemon.start({ env: collector.env });
    const answer = await ask(daemon.sock, request);
    assertEquals(answer.error?.code, code);
    const { status, attributes } = await collector.span("multibinder.other");
    assertEquals(attributes["rpc.method"], "other");
    assertEquals(attributes["rpc.jsonrpc.error_code"], code);
    assertEquals(attributes["error.type"], String(code));
    assertEquals(status.code, ERROR);
    assert(answer.error?.message.startsWith(status.message));
    assert(status.message.length <= 256, `${status.message.length}`);
  });
}

Deno.test("each request of a batch is a span, and what was undone is an error", async () => {
  await using collector = new Collector();
  await using daemon = await Daemon.start({ env: collector.env });
  const requests = ["127.0.0.1", "192.0.2.1"].map((address, id) =>
    requestText(id, "bind", [{ address, port: 0 }])
  );
  await ask(daemon.sock, `[${requests}]`);
  await collector.spanCount(2);
  assertEquals(
    collector.spans.map(({ name, status, attributes }) => [
      name,
      status.code,
      attributes["error.type"],
    ]),
    [
      ["multibinder.bind", ERROR, "10000"],
      ["multibinder.bind", ERROR, "EADDRNOTAVAIL"],
    ],
  );
});
