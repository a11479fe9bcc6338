import { assertEquals, assertThrows } from "@std/assert";
import { columns } from "../../client/command/list/columns.ts";
import {
  formatAge,
  readDuration,
} from "../../client/command/options/duration.ts";
import { UsageError } from "../../given_options.ts";
import { formatDuration } from "../../duration.ts";

Deno.test("columns are aligned with their headings, numbers to the right", () => {
  const heads = [{ heading: "ADDRESS" }, { heading: "N", right: true }];
  const rows = [["127.0.0.1:80", "1"], [":1", "1000"]];
  assertEquals(columns(heads, rows), [
    "ADDRESS          N",
    "127.0.0.1:80     1",
    ":1            1000",
  ]);
});

Deno.test("lines are cut to a width in columns of the terminal", () => {
  const heads = [{ heading: "A" }, { heading: "B" }];
  const rows = [["天地", "玄黃宇宙"], ["e\u0301a", "🦕x"]];
  assertEquals(columns(heads, rows), [
    "A     B",
    "天地  玄黃宇宙",
    "e\u0301a    🦕x",
  ]);
  assertEquals(columns(heads, rows, 9), [
    "A     B",
    "天地  玄…",
    "e\u0301a    🦕x",
  ]);
});

Deno.test("control characters in a cell do not reach the terminal", () => {
  const rows = [["\x1b[2Jx\n\u202ey"]];
  assertEquals(columns([{ heading: "A" }], rows), ["A", "?[2Jx??y"]);
});

Deno.test("ages are printed in their largest unit, or their two largest", () => {
  const ages = [-5, 0, 999, 59_999, 60_000, 3_599_999, 7_200_000, 200_000_000];
  assertEquals(ages.map((age) => formatAge(age)), [
    ...["0s", "0s", "0s", "59s", "1m", "59m", "2h", "2d"],
  ]);
  assertEquals(ages.map((age) => formatAge(age, 2)), [
    ...["0s", "0s", "0s", "59s", "1m", "59m 59s", "2h", "2d 7h"],
  ]);
});

Deno.test("durations have the units ms, s and min", () => {
  const read = (text: string) => readDuration("grace", text);
  assertEquals(["0", "2", "1.5s", "250ms", "2min"].map(read), [
    ...[0, 2000, 1500, 250, 120_000],
  ]);
  for (const text of ["", "-1", "1h", "s", "1e3", "9999999999"]) {
    assertThrows(
      () => read(text),
      UsageError,
      `invalid --grace ${text}: expected a duration`,
    );
  }
  assertEquals([250, 1000, 1500].map(formatDuration), [
    "250 ms",
    "1 s",
    "1.5 s",
  ]);
});
