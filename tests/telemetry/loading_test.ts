import { assertEquals, assertStringIncludes } from "@std/assert";
import { toFileUrl } from "@std/path";
import { bind } from "../../client.ts";
import { Daemon, daemonCommand, MINIMAL_FLAGS } from "../daemon.ts";
import { Program } from "../program.ts";
import { Scratch, treePath } from "../tree.ts";
import { Collector } from "./collector.ts";

/** Flags that have the daemon find a module that throws for telemetry.ts. */
async function trap(scratch: Scratch): Promise<string[]> {
  const throwing = scratch.join("throwing.ts");
  await Deno.writeTextFile(throwing, 'throw new Error("it is loaded");');
  const { imports } = JSON.parse(
    await Deno.readTextFile(treePath("imports.json")),
  );
  const telemetry = toFileUrl(treePath("server/telemetry.ts")).href;
  const map = scratch.join("imports.json");
  const mapped = { ...imports, [telemetry]: toFileUrl(throwing).href };
  await Deno.writeTextFile(map, JSON.stringify({ imports: mapped }));
  return [...MINIMAL_FLAGS, `--import-map=${map}`];
}

const OFF: [how: string, value: Record<string, string>][] = [
  ["without OTEL_DENO", {}],
  ["with OTEL_DENO=false", { OTEL_DENO: "false" }],
];

for (const [how, value] of OFF) {
  Deno.test(`${how} telemetry is not even loaded, and nothing is sent`, async () => {
    await using scratch = await Scratch.make();
    await using collector = new Collector();
    const { OTEL_DENO: _, ...env } = collector.env;
    await using daemon = await Daemon.start({
      permissions: await trap(scratch),
      env: { ...env, ...value },
    });
    (await bind("127.0.0.1", 0, { sock: daemon.sock })).close();
    assertEquals((await daemon.stop()).code, 0);
    assertEquals(collector.requests, 0);
  });
}

Deno.test("with OTEL_DENO=true telemetry is loaded", async () => {
  await using scratch = await Scratch.make();
  await using collector = new Collector();
  const permissions = await trap(scratch);
  const [command, ...args] = daemonCommand(scratch.join("sock"), {
    permissions,
  });
  await using program = Program.start(command!, { args, env: collector.env });
  const { code, errors } = await program.end();
  assertEquals(code, 1);
  assertStringIncludes(errors, "it is loaded");
});

for (const how of ["off", "on"]) {
  Deno.test(`with telemetry ${how} the daemon does not look for the package of OpenTelemetry`, async () => {
    let lookedUp = 0;
    await using registry = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      ({ url }) => {
        if (url.includes("opentelemetry")) lookedUp++;
        return new Response("not found", { status: 404 });
      },
    );
    await using scratch = await Scratch.make();
    await using collector = new Collector();
    await using daemon = await Daemon.start({
      env: {
        NPM_CONFIG_REGISTRY: `http://127.0.0.1:${registry.addr.port}/`,
        DENO_DIR: scratch.join("empty cache"),
        ...(how === "on" && collector.env),
      },
    });
    (await bind("127.0.0.1", 0, { sock: daemon.sock })).close();
    if (how === "on") await collector.span("multibinder.bind");
    assertEquals((await daemon.stop()).code, 0);
    assertEquals(lookedUp, 0);
    assertEquals(collector.spans.length, how === "on" ? 1 : 0);
  });
}

const FORBIDDEN: [what: string, env: Record<string, string>][] = [
  ["OpenTelemetry as a whole", { OTEL_SDK_DISABLED: "true" }],
  ["spans", { OTEL_TRACES_SAMPLER: "always_off" }],
  ["metrics", { OTEL_DENO_METRICS: "false" }],
  ["each kind", {
    OTEL_DENO_TRACING: "false",
    OTEL_DENO_METRICS: "false",
    OTEL_DENO_CONSOLE: "ignore",
  }],
];

for (const [what, forbidding] of FORBIDDEN) {
  Deno.test(`where other variables forbid ${what} requests are served all the same`, async () => {
    await using collector = new Collector();
    await using daemon = await Daemon.start({
      env: { ...collector.env, ...forbidding },
    });
    (await bind("127.0.0.1", 0, { sock: daemon.sock })).close();
    assertEquals((await daemon.status()).binds, 1);
    assertEquals((await daemon.stop()).code, 0);
    const isTraced = what === "metrics";
    assertEquals(collector.spans.length > 0, isTraced);
  });
}
