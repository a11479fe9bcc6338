import { assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { Daemon } from "../daemon.ts";
import { threadsThatTakeSignals } from "../process_state.ts";
import { Collector } from "./collector.ts";

Deno.test("what was not sent yet is sent before the daemon ends", async () => {
  await using collector = new Collector();
  await using daemon = await Daemon.start({ env: collector.patientEnv });
  (await bind("127.0.0.1", 0, { sock: daemon.sock })).close();
  assertEquals(collector.requests, 0);
  const { code } = await daemon.stop();
  assertEquals(code, 0);
  assertEquals(collector.spans.map(({ name }) => name), ["multibinder.bind"]);
  const attributes = { "multibinder.socket": "new" };
  assertEquals(await collector.points("multibinder.binds", 1), [
    { attributes, value: 1 },
  ]);
});

Deno.test("the next generation goes on tracing after a re-exec", async () => {
  await using collector = new Collector();
  await using daemon = await Daemon.start({ env: collector.env });
  for (const socket of ["new", "held"]) {
    (await bind("127.0.0.1", 0, { sock: daemon.sock })).close();
    const part = { "multibinder.socket": socket };
    const { status } = await collector.span("multibinder.bind", part);
    assertEquals(status.code, 0);
    await daemon.reexec();
  }
  const { pid, generation } = await daemon.status();
  assertEquals({ pid, generation }, { pid: daemon.pid, generation: 3 });
  assertEquals((await daemon.stop()).code, 0);
});

Deno.test("every thread holds the daemon's signals back, the exporter's too", async () => {
  await using collector = new Collector();
  await using daemon = await Daemon.start({ env: collector.env });
  await daemon.status();
  await collector.span("multibinder.status");
  assertEquals(await threadsThatTakeSignals(daemon.pid), []);
});

Deno.test("a collector that is gone neither stops the daemon nor fills its log", async () => {
  const gone = new Collector();
  const { env } = gone;
  await gone[Symbol.asyncDispose]();
  const args = ["--log-level", "warn", "--log-format", "json"];
  await using daemon = await Daemon.start({ env, args });
  for (let count = 0; count < 100; count++) {
    (await bind("127.0.0.1", 0, { sock: daemon.sock })).close();
  }
  const { code, errors } = await daemon.stop();
  assertEquals(code, 0);
  const lines = errors.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(lines.map(({ message }) => message), [
    "a new version is not checked before it takes over",
  ]);
});
