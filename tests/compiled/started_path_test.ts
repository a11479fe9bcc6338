import { assertEquals } from "@std/assert";
import { pathThatStarted } from "../../ffi/processes/executable.ts";
import { Scratch } from "../support/tree.ts";

/** A folder with a file `binary` and a link to it; and the file's real path. */
async function installed(): Promise<{ scratch: Scratch; binary: string }> {
  const scratch = await Scratch.make();
  await Deno.writeTextFile(scratch.join("binary"), "", { mode: 0o755 });
  await Deno.symlink("binary", scratch.join("link"));
  return { scratch, binary: await Deno.realPath(scratch.join("binary")) };
}

Deno.test("a re-exec uses the path or link that started the binary", async () => {
  const { scratch, binary } = await installed();
  await using _scratch = scratch;
  for (const name of ["binary", "link"]) {
    const path = scratch.join(name);
    assertEquals(pathThatStarted(binary, path), path);
  }
});

Deno.test("a relative path becomes absolute", async () => {
  const { scratch, binary } = await installed();
  await using _scratch = scratch;
  const before = Deno.cwd();
  Deno.chdir(scratch.path);
  try {
    const folder = await Deno.realPath(".");
    assertEquals(pathThatStarted(binary, "./link"), `${folder}/./link`);
  } finally {
    Deno.chdir(before);
  }
});

Deno.test("a name without a slash is searched in PATH", async () => {
  const { scratch, binary } = await installed();
  await using _scratch = scratch;
  const before = Deno.env.get("PATH")!;
  Deno.env.set("PATH", `/usr/bin:${scratch.path}`);
  try {
    assertEquals(pathThatStarted(binary, "link"), scratch.join("link"));
  } finally {
    Deno.env.set("PATH", before);
  }
});

Deno.test("a name of another file is not the path of the binary", async () => {
  const { scratch, binary } = await installed();
  await using _scratch = scratch;
  for (const name of ["made-up", "/usr/bin/env", ""]) {
    assertEquals(pathThatStarted(binary, name), undefined);
  }
});
