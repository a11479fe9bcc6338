import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readBaseline, regressions } from "../../bench/report/baseline.ts";
import { summary } from "../../bench/report/page.ts";
import {
  compare,
  meetsTarget,
  type Row,
  rowKey,
} from "../../bench/report/row.ts";
import {
  markdownTables,
  terminalTable,
} from "../../bench/report/row_tables.ts";
import { measureRounds } from "../../bench/support/rounds.ts";
import { treePath } from "../support/tree.ts";

const BINDS: Row = {
  group: "binds per second",
  name: "1 client",
  value: 900,
  unit: "binds/s",
  comparedWith: { name: "C floor", value: 1000 },
  ratio: 0.9,
  better: "higher",
  target: { of: "ratio", atLeast: 0.5 },
};

const GAP: Row = {
  group: "start",
  name: "re-exec gap",
  value: 80,
  unit: "ms",
  comparedWith: { name: "empty script", value: 20 },
  ratio: 4,
  better: "lower",
  target: { of: "ratio", atMost: 3 },
};

function runSuite(...args: string[]): Promise<Deno.CommandOutput> {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", treePath("bench/suite.ts"), ...args],
    cwd: treePath(""),
  }).output();
}

Deno.test("a ratio that is worse by more than the margin is reported", () => {
  const before = [BINDS, GAP];
  assertEquals(regressions(before, before, 0.2), []);
  const within = [{ ...BINDS, ratio: 0.8 }, { ...GAP, ratio: 4.6 }];
  assertEquals(regressions(within, before, 0.2), []);
  const better = [{ ...BINDS, ratio: 2 }, { ...GAP, ratio: 0.5 }];
  assertEquals(regressions(better, before, 0.2), []);
  const worse = [{ ...BINDS, ratio: 0.6 }, { ...GAP, ratio: 5.2 }];
  assertEquals(
    regressions(worse, before, 0.2).map(({ key, before, now, worseBy }) => [
      key,
      before,
      now,
      worseBy.toFixed(2),
    ]),
    [
      ["binds per second: 1 client", 0.9, 0.6, "0.50"],
      ["start: re-exec gap", 4, 5.2, "0.30"],
    ],
  );
});

Deno.test("the margin of a noisy row is larger", () => {
  const noisy = { ...GAP, noise: 3 };
  const reported = (ratio: number) =>
    regressions([{ ...noisy, ratio }], [noisy], 0.2).length;
  assertEquals([reported(6.2), reported(6.6)], [0, 1]);
});

Deno.test("rows that one of the runs lacks are not compared", () => {
  const { ratio: _, ...withoutRatio } = GAP;
  assertEquals(regressions([BINDS, withoutRatio], [GAP], 0.2), []);
});

Deno.test("a target is a limit for the ratio or for the value", () => {
  assertEquals(meetsTarget(BINDS), true);
  assertEquals(meetsTarget(GAP), false);
  const ofValue = { of: "value", atMost: 80 } as const;
  assertEquals(meetsTarget({ ...GAP, target: ofValue }), true);
  const { target: _, ...withoutTarget } = BINDS;
  assertEquals(meetsTarget(withoutTarget), undefined);
});

Deno.test("a ratio is the median of the ratios within a round", () => {
  const rounds = [[1, 1], [6, 2], [10, 100]] as const;
  assertEquals(compare(rounds, ([ours]) => ours, ([, theirs]) => theirs, "x"), {
    value: 6,
    comparedWith: { name: "x", value: 2 },
    ratio: 1,
  });
});

Deno.test("each round has another order, and the first round is not counted", async () => {
  const order: string[] = [];
  const sample = (name: string) => () => Promise.resolve(order.push(name));
  const rounds = await measureRounds(
    { rounds: 2, signal: new AbortController().signal },
    { a: sample("a"), b: sample("b") },
  );
  assertEquals(order.join(""), "abbaab");
  assertEquals(rounds, [{ b: 3, a: 4 }, { a: 5, b: 6 }]);
});

Deno.test("tables have every row with its ratio and its target", () => {
  for (const table of [terminalTable, markdownTables]) {
    const text = table([BINDS, GAP]);
    for (const part of ["1 client", "0.90", "4.00", "met", "missed"]) {
      assertStringIncludes(text, part);
    }
  }
});

Deno.test("the committed baseline has each row once, and all that the README shows", async () => {
  const { rows } = await readBaseline();
  const keys = rows.map(rowKey);
  assertEquals(new Set(keys).size, keys.length);
  assertStringIncludes(summary(rows), "Binds per second");
});

Deno.test("a run has the same rows as the committed baseline", async () => {
  const { success, stdout, stderr } = await runSuite(
    ...["--json", "--only=binds,start", "--rounds=1", "--seconds=0.05"],
  );
  assert(success, new TextDecoder().decode(stderr));
  const run: { rows: Row[] } = JSON.parse(new TextDecoder().decode(stdout));
  const groups = new Set(run.rows.map(({ group }) => group));
  assertEquals([...groups], ["binds per second", "latency of a bind", "start"]);
  const baseline = (await readBaseline()).rows
    .filter(({ group }) => groups.has(group));
  assertEquals(run.rows.map(rowKey).sort(), baseline.map(rowKey).sort());
});

Deno.test("an invalid option is a usage error", async () => {
  for (const wrong of ["--only=x", "--rounds=0", "--nonsense"]) {
    const { code, stderr } = await runSuite(wrong);
    assertEquals(code, 2, wrong);
    assertStringIncludes(new TextDecoder().decode(stderr), "usage: deno task");
  }
  const { code, stderr } = await runSuite("--save", "--only=start");
  assertEquals(code, 2);
  assertStringIncludes(new TextDecoder().decode(stderr), "omit --only");
});
