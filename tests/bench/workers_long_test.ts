import { assert, assertMatch } from "@std/assert";
import { treePath } from "../support/tree.ts";

Deno.test("a short run of the benchmark of workers has every row, and loses no request", async () => {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", treePath("bench/workers.ts")],
      ...["--rounds=1", "--only=changes,memory"],
    ],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  const text = new TextDecoder().decode(stdout);
  const changes = [
    "no change",
    "4 other starts",
    "reload",
    "2 to 4 workers",
    "4 to 2 workers",
  ];
  for (const name of changes) {
    assertMatch(text, new RegExp(`^${name} .* 0$`, "m"));
  }
  for (const workers of [1, 2, 4, 8]) {
    assertMatch(text, new RegExp(`^ +${workers} +\\d+\\.\\d +\\d+\\.\\d`, "m"));
  }
});
