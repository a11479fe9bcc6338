import { assert, assertEquals } from "@std/assert";
import { runClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { treePath } from "../support/tree.ts";

Deno.test("docs/client.md shows the columns that list prints", async () => {
  await using daemon = await Daemon.start();
  await runClient(daemon, ["exec", "127.0.0.1:0", "--", "true"]);
  const { code, output } = await runClient(daemon, ["list"]);
  assertEquals(code, 0);
  const page = await Deno.readTextFile(treePath("docs/client.md"));
  const shown = page.split("\n").find((line) => line.startsWith("ADDRESS "));
  assert(shown !== undefined);
  const columns = (line: string) => line.trim().split(/ {2,}/);
  assertEquals(columns(shown), columns(output.split("\n")[0]!));
});
