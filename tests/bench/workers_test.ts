import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { writeBetweenMarks } from "../../bench/report/page.ts";
import {
  acceptedInodes,
  countConnections,
} from "../../bench/workers/connections.ts";
import { Scratch, treePath } from "../support/tree.ts";

const COMMAND = "deno task bench:workers --save";

Deno.test("a connection counts for the process that has accepted it", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using stack = new DisposableStack();
  const { port } = listener.addr;
  for (let each = 0; each < 3; each++) {
    stack.use(await Deno.connect({ hostname: "127.0.0.1", port }));
  }
  for (let accepted = 0; accepted < 2; accepted++) {
    assertEquals(countConnections(port, [Deno.pid]), [accepted]);
    stack.use(await listener.accept());
  }
  assertEquals(countConnections(port, [Deno.pid, Deno.ppid]), [2, 0]);
});

Deno.test("listening sockets, connections that wait and those of other ports are not counted", () => {
  const line = (local: string, state: string, inode: number) =>
    `   0: ${local} 0100007F:E0F2 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0000 20 4 30 10 -1`;
  const text = [
    "  sl  local_address rem_address   st ...",
    line("0100007F:1F90", "0A", 1),
    line("0100007F:1F90", "01", 2),
    line("0100007F:1F90", "01", 0),
    line("0100007F:1F91", "01", 3),
    line("0100007F:1F90", "06", 4),
    "",
  ].join("\n");
  assertEquals([...acceptedInodes(text, 0x1f90)], ["2"]);
});

Deno.test("text is written between the marks of its command, and nothing else changes", async () => {
  await using scratch = await Scratch.make();
  const page = scratch.join("page.md");
  const region = (command: string, text: string) =>
    `<!-- begin: written by ${command} -->\n\n${text}\n\n<!-- end -->\n`;
  const before = `# Page\n\n${region("one", "a")}\n${region("two", "b")}`;
  await Deno.writeTextFile(page, before);
  await writeBetweenMarks(page, "two", "c");
  assertEquals(
    await Deno.readTextFile(page),
    before.replace("\n\nb\n\n", "\n\nc\n\n"),
  );
  await assertRejects(
    () => writeBetweenMarks(page, "three", "d"),
    Error,
    `has no lines "<!-- begin: written by three -->"`,
  );
});

Deno.test("docs/workers.md has the marks of the benchmark of workers", async () => {
  assertStringIncludes(
    await Deno.readTextFile(treePath("docs/workers.md")),
    `<!-- begin: written by ${COMMAND} -->`,
  );
});

Deno.test("an invalid option of the benchmark of workers is a usage error", async () => {
  for (
    const wrong of [["--only=x"], ["--rounds=0.5"], ["--save", "--only=memory"]]
  ) {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", treePath("bench/workers.ts"), ...wrong],
    }).output();
    assertEquals(code, 2, wrong.join());
    const text = new TextDecoder().decode(stderr);
    assertStringIncludes(text, "usage: deno task bench:workers");
  }
});
