import { assert, assertArrayIncludes, assertEquals } from "@std/assert";
import { bind, connect } from "../../client.ts";
import { Daemon } from "../daemon.ts";
import { ask, requestText } from "../raw_connection.ts";
import { Scratch } from "../tree.ts";
import { Collector } from "./collector.ts";

const UNAVAILABLE = [{ address: "192.0.2.1", port: 0 }];

Deno.test("requests are counted by method", async () => {
  await using collector = new Collector();
  await using daemon = await Daemon.start({ env: collector.metricsEnv });
  using session = await connect({ sock: daemon.sock });
  for (let count = 0; count < 3; count++) await session.list();
  await session.status();
  await ask(daemon.sock, requestText(1, "reload"));
  const points = await collector.points("multibinder.requests", 5);
  assertEquals(points.length, 3);
  assertArrayIncludes(points, [
    { attributes: { "rpc.method": "list" }, value: 3 },
    { attributes: { "rpc.method": "status" }, value: 1 },
    { attributes: { "rpc.method": "other" }, value: 1 },
  ]);
});

Deno.test("sockets that were handed out are counted, new and held ones apart", async () => {
  await using collector = new Collector();
  await using daemon = await Daemon.start({ env: collector.metricsEnv });
  for (const address of ["127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.1"]) {
    (await bind(address, 0, { sock: daemon.sock })).close();
  }
  await ask(daemon.sock, requestText(1, "bind", UNAVAILABLE));
  await collector.points("multibinder.requests", 5);
  const points = await collector.points("multibinder.binds", 4);
  assertEquals(points.length, 2);
  assertArrayIncludes(points, [
    { attributes: { "multibinder.socket": "new" }, value: 2 },
    { attributes: { "multibinder.socket": "held" }, value: 2 },
  ]);
});

Deno.test("errors are counted by method and code", async () => {
  await using collector = new Collector();
  await using daemon = await Daemon.start({ env: collector.metricsEnv });
  const release = [{ address: "127.0.0.1", port: 1 }];
  await ask(daemon.sock, requestText(1, "bind", UNAVAILABLE));
  await ask(daemon.sock, requestText(2, "bind", UNAVAILABLE));
  await ask(daemon.sock, requestText(3, "release", release));
  await ask(daemon.sock, "{x}");
  const points = await collector.points("multibinder.errors", 4);
  assertEquals(points.length, 3);
  const counted = (method: string, code: number, value: number) => ({
    attributes: { "rpc.method": method, "rpc.jsonrpc.error_code": code },
    value,
  });
  assertArrayIncludes(points, [
    counted("bind", 10000, 2),
    counted("release", 10004, 1),
    counted("other", -32700, 1),
  ]);
});

Deno.test("what the policy denies is counted by method, and is an error too", async () => {
  await using scratch = await Scratch.make();
  const policy = scratch.join("policy.jsonc");
  await Deno.writeTextFile(policy, '{ "rules": [] }');
  await using collector = new Collector();
  const args = ["--policy", policy];
  await using daemon = await Daemon.start({ args, env: collector.metricsEnv });
  const params = [{ address: "127.0.0.1", port: 0 }];
  const answer = await ask(daemon.sock, requestText(1, "bind", params));
  assertEquals(answer.error?.code, 10001);
  const method = { "rpc.method": "bind" };
  assertEquals(await collector.points("multibinder.denials", 1), [
    { attributes: method, value: 1 },
  ]);
  assertEquals(await collector.points("multibinder.errors", 1), [
    { attributes: { ...method, "rpc.jsonrpc.error_code": 10001 }, value: 1 },
  ]);
  const { attributes } = await collector.span("multibinder.bind");
  assertEquals(attributes["error.type"], "10001");
});

Deno.test("the duration of each request is in a histogram by method", async () => {
  await using collector = new Collector();
  await using daemon = await Daemon.start({ env: collector.metricsEnv });
  await daemon.status();
  await daemon.status();
  const points = await collector.points("multibinder.request.duration", 2);
  assertEquals(points, [{ attributes: { "rpc.method": "status" }, value: 2 }]);
  assert(collector.requests > 0);
});
