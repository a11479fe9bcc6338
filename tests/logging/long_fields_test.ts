import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Daemon } from "../support/daemon.ts";
import { ask, requestText } from "../support/raw_connection.ts";

const LENGTH = 60_000;
/** A line with two fields of 256 characters, each of them escaped. */
const LONGEST_LINE = 2 * 256 * 6 + 500;

const TEXTS: readonly (readonly [string, string])[] = [
  ["letters", "x"],
  ["control characters", "\u0001"],
  ["C1 control characters", "\u009f"],
  ["emoji", "😀"],
];

for (const format of ["text", "json"]) {
  for (const [name, each] of TEXTS) {
    Deno.test(`a method of 60 KB of ${name} is cut in the log: ${format}`, async () => {
      await using daemon = await Daemon.start({
        args: ["--log-format", format],
      });
      const method = each.repeat(Math.floor(LENGTH / (6 * each.length)));
      // JSON escapes a control character with six.
      await ask(daemon.sock, requestText(1, method));
      const line = await daemon.program.errors.next("request failed");
      assert(line.length < LONGEST_LINE, `${line.length} characters`);
      assertStringIncludes(line, `…(+${method.length - 256})`);
      if (format === "json") assertEquals(JSON.parse(line).code, -32601);
    });
  }
}

Deno.test("every field that a client chooses is cut in the log", async (t) => {
  await using daemon = await Daemon.start();
  const long = "y".repeat(50_000);
  const requests: readonly [string, unknown][] = [
    ["bind", [{ [long]: true }]],
    ["bind", [{ address: long, port: 1 }]],
    ["bind", [{ path: `/${long}` }]],
    ["bind", [{ path: long }]],
    ["bind", [{ path: "/a", owner: long }]],
    ["bind", [{ address: "::1", port: 1, device: long }]],
    ["release", [{ address: long, port: 1 }]],
  ];
  for (const [method, params] of requests) {
    await t.step(
      `${method} ${Object.keys((params as object[])[0]!)}`.slice(0, 40),
      async () => {
        await ask(daemon.sock, requestText(1, method, params));
        const line = await daemon.program.errors.next("request failed");
        assert(line.length < LONGEST_LINE, `${line.length} characters`);
      },
    );
  }
  await t.step("a message that is not JSON", async () => {
    await ask(daemon.sock, `{"id":1,${long}}`);
    const line = await daemon.program.errors.next("request failed");
    assert(line.length < LONGEST_LINE, `${line.length} characters`);
  });
});
