import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { regressions, type Run } from "../../bench/suite/baseline.ts";
import { chart } from "../../bench/suite/chart.ts";
import { markdownTable, textTable } from "../../bench/suite/report.ts";
import { meetsTarget, type Row, rowKey } from "../../bench/suite/row.ts";
import { treePath } from "../support/tree.ts";

const FASTER: Row = {
  group: "binds per second",
  name: "1 client",
  value: 900,
  unit: "binds/s",
  beside: { name: "floor <C>", value: 1000 },
  ratio: 0.9,
  better: "higher",
  target: { of: "ratio", atLeast: 0.7 },
};

const SLOWER: Row = {
  group: "start",
  name: "start to ready",
  value: 40,
  unit: "ms",
  beside: { name: "empty script", value: 20 },
  ratio: 2,
  better: "lower",
  target: { of: "ratio", atMost: 1.5 },
};

Deno.test("a ratio that got worse by more than the margin is flagged, and no other", () => {
  const before = [FASTER, SLOWER];
  assertEquals(regressions(before, before, 0.2), []);
  const within = [{ ...FASTER, ratio: 0.8 }, { ...SLOWER, ratio: 2.3 }];
  assertEquals(regressions(within, before, 0.2), []);
  const better = [{ ...FASTER, ratio: 2 }, { ...SLOWER, ratio: 0.5 }];
  assertEquals(regressions(better, before, 0.2), []);
  const worse = [{ ...FASTER, ratio: 0.6 }, { ...SLOWER, ratio: 2.6 }];
  assertEquals(
    regressions(worse, before, 0.2).map(({ key, before, now, worseBy }) => [
      key,
      before,
      now,
      worseBy.toFixed(2),
    ]),
    [
      ["binds per second: 1 client", 0.9, 0.6, "0.50"],
      ["start: start to ready", 2, 2.6, "0.30"],
    ],
  );
});

Deno.test("a figure that moves by itself has more than one margin", () => {
  const moving = { ...SLOWER, spread: 3 };
  const worse = (ratio: number) =>
    regressions([{ ...moving, ratio }], [moving], 0.2).length;
  assertEquals([worse(3.1), worse(3.3)], [0, 1]);
});

Deno.test("what is measured on one side only is not compared", () => {
  const { ratio: _, ...alone } = SLOWER;
  assertEquals(regressions([FASTER, alone], [SLOWER], 0.2), []);
});

Deno.test("a target is met or missed by the ratio or by the figure", () => {
  assertEquals(meetsTarget(FASTER), true);
  assertEquals(meetsTarget(SLOWER), false);
  const figure = { of: "value", atMost: 40 } as const;
  assertEquals(meetsTarget({ ...SLOWER, target: figure }), true);
  const { target: _, ...free } = SLOWER;
  assertEquals(meetsTarget(free), undefined);
});

Deno.test("tables and chart have every row, its ratio and its verdict", () => {
  const rows = [FASTER, SLOWER];
  for (const table of [textTable(rows), markdownTable(rows)]) {
    for (const part of ["1 client", "0.90", "2.00", "met", "missed"]) {
      assertStringIncludes(table, part);
    }
  }
  const picture = chart(rows, "a machine");
  assertEquals(picture.split("<rect").length - 1, 1 + rows.length);
  assertStringIncludes(picture, "floor &#60;C&#62;");
});

Deno.test("the committed baseline has each row once, and a run of today the same ones", async () => {
  const baseline: Run = JSON.parse(
    await Deno.readTextFile(treePath("bench/baseline.json")),
  );
  const known = baseline.rows.map(rowKey);
  assertEquals(new Set(known).size, known.length);
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", treePath("bench/suite.ts"), "--json", "--rounds=1"]
      .concat(["--seconds=0.05", "--only=start"]),
    cwd: treePath(""),
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  const run: Run = JSON.parse(new TextDecoder().decode(stdout));
  assert(run.rows.length > 0);
  for (const row of run.rows) assert(known.includes(rowKey(row)), rowKey(row));
});

Deno.test("an option that is none is a usage error", async () => {
  for (const wrong of ["--only=nothing", "--rounds=0", "--nonsense"]) {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", treePath("bench/suite.ts"), wrong],
      cwd: treePath(""),
    }).output();
    assertEquals(code, 2, wrong);
    assertStringIncludes(new TextDecoder().decode(stderr), "usage: deno task");
  }
});
