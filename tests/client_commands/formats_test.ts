import { assertEquals, assertThrows } from "@std/assert";
import { columns } from "../../client/command/columns.ts";
import { formatDuration, readDuration } from "../../client/command/duration.ts";
import { UsageError } from "../../client/command/usage_error.ts";

Deno.test("columns are aligned under a heading for people, and tabs for programs", () => {
  const heading = ["ADDRESS", "N"];
  const rows = [["127.0.0.1:80", "1"], [":1", "1000"]];
  assertEquals(columns(heading, rows, true), [
    "ADDRESS       N",
    "127.0.0.1:80  1",
    ":1            1000",
  ]);
  assertEquals(columns(heading, rows, false), ["127.0.0.1:80\t1", ":1\t1000"]);
});

Deno.test("durations are read as people write them", () => {
  const read = (text: string) => readDuration("grace", text);
  assertEquals(["0", "2", "1.5s", "250ms", "2min"].map(read), [
    ...[0, 2000, 1500, 250, 120_000],
  ]);
  for (const text of ["", "-1", "1h", "s", "1e3", "9999999999"]) {
    assertThrows(
      () => read(text),
      UsageError,
      `--grace ${text} is no duration`,
    );
  }
  assertEquals([250, 1000, 1500].map(formatDuration), [
    "250 ms",
    "1 s",
    "1.5 s",
  ]);
});
