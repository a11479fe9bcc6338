import { assertEquals, assertMatch } from "@std/assert";
import { ask } from "../support/activate/activated.ts";
import { Daemon } from "../support/daemon.ts";
import { underLoad, untilSeen } from "../support/serve/under_load.ts";
import { moduleOf, Served } from "../support/serve_command/served.ts";

const BROKEN: readonly [what: string, source: string, says: RegExp][] = [
  ["nothing", "", /has no default export/],
  ["undefined", "export default undefined;", /has no default export/],
  ["null", "export default null;", /has no function fetch/],
  ["a function", "export default () => {};", /has no function fetch/],
  [
    "fetch of a number",
    "export default { fetch: 1 };",
    /has no function fetch/,
  ],
  [
    "onListen of a number",
    "export default { fetch() {}, onListen: 1 };",
    /has no function fetch|onListen/,
  ],
  [
    "an onListen that throws",
    'export default { fetch() {}, onListen() { throw new Error("no"); } };',
    /Error: no/,
  ],
  ["an exception", 'throw new Error("broken");', /Error: broken/],
  ["a syntax error", "export default {", /main\.ts/],
  ["an end", "Deno.exit(3);", /ended with exit code 3/],
  [
    "an await of nothing",
    "await new Promise(() => {});",
    /Top-level await promise never resolved/,
  ],
  [
    "an await that never ends",
    "await new Promise(() => setInterval(() => {}, 1000));",
    /not ready within 10 s, killed/,
  ],
];

Deno.test("no broken module of twelve kinds replaces one that works, and each says why", async () => {
  await using daemon = await Daemon.start();
  await using served = await Served.ready(daemon, {
    files: { "main.ts": moduleOf("v1") },
    options: ["--ready-timeout", "10s"],
  });
  for (const [what, source, says] of BROKEN) {
    const before = served.program.errors.text.length;
    await served.reload(source);
    await served.says("reload failed: generation 1 keeps serving");
    assertMatch(served.program.errors.text.slice(before), says, what);
    assertMatch(await ask(served.port), /^v1 /, what);
  }
});

Deno.test("twenty reloads under load lose no request", async () => {
  await using daemon = await Daemon.start();
  await using served = await Served.ready(daemon, {
    files: { "main.ts": moduleOf("v1") },
  });
  const { lost, names } = await underLoad(served, async (seen) => {
    for (let generation = 2; generation <= 21; generation++) {
      await served.reload(moduleOf(`v${generation}`));
      await served.says(`generation ${generation}: ready`);
      const ended = await served.says(`generation ${generation - 1}: process`);
      assertMatch(ended, /exit code 0$/);
      await untilSeen(seen, new RegExp(`^v${generation} `));
    }
  }, { clients: 4 });
  assertEquals(lost, []);
  assertEquals(names.size, 21, [...names].join());
});

Deno.test("--watch reloads when the module changes", async () => {
  await using daemon = await Daemon.start();
  await using served = await Served.ready(daemon, {
    files: { "main.ts": moduleOf("v1") },
    options: ["--watch", "{dir}/main.ts"],
    permissions: ["--allow-read"],
  });
  await Deno.writeTextFile(served.scratch.join("main.ts"), moduleOf("v2"));
  await served.says("generation 2: ready");
  await served.says("generation 1: process");
  assertMatch(await ask(served.port), /^v2 /);
});
