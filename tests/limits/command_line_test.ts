import { assertEquals, assertStringIncludes } from "@std/assert";
import { Daemon } from "../support/daemon.ts";
import { startDaemon } from "../support/control_socket/start_failure.ts";
import { Scratch } from "../support/tree.ts";

const NO_COUNTS = [
  "0",
  "-1",
  "1.5",
  "many",
  "",
  "1e3",
  "0x10",
  "9999999999",
  " 1",
];
const NO_DURATIONS = [
  "soon",
  "",
  "-1",
  "-1s",
  "1h",
  "1 s",
  "99999999min",
  "1e3",
  "s",
];

const WRONG: [option: string, value: string][] = [
  ...NO_COUNTS.map((value): [string, string] => ["--max-clients", value]),
  ...NO_COUNTS.map((value): [string, string] => ["--max-binds", value]),
  ...NO_COUNTS.map((value): [string, string] => [
    "--max-clients-per-user",
    value,
  ]),
  ...NO_DURATIONS.map((value): [string, string] => [
    "--request-timeout",
    value,
  ]),
];

for (const [option, value] of WRONG) {
  Deno.test(`${option}=${JSON.stringify(value)} exits with code 2 and names the option`, async () => {
    await using scratch = await Scratch.make();
    const sock = scratch.join("control.sock");
    const args = [`${option}=${value}`];
    const { code, output, errors } = await startDaemon(sock, { args });
    assertEquals({ code, output }, { code: 2, output: "" });
    assertStringIncludes(errors.split("\n")[0]!, option);
    assertStringIncludes(errors, 'see "multibinder-server --help"');
    assertEquals([...Deno.readDirSync(scratch.path)], []);
  });
}

for (
  const [value, milliseconds] of [
    ["500ms", 500],
    ["2s", 2000],
    ["2", 2000],
    ["1.5", 1500],
    ["2min", 120_000],
    ["0", 0],
    ["0s", 0],
  ] as const
) {
  Deno.test(`--request-timeout ${value} is ${milliseconds} ms`, async () => {
    const args = ["--request-timeout", value];
    await using daemon = await Daemon.start({ args });
    const { limits } = await daemon.status();
    assertEquals(limits.request_timeout_ms, milliseconds);
  });
}
