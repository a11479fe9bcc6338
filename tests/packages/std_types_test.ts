import { assert, assertEquals } from "@std/assert";
import {
  ACCEPTED_PROGRAM,
  REJECTED_PROGRAMS,
} from "../support/packages/std_programs.ts";

const tree = new URL("../../", import.meta.url);

async function json(file: string): Promise<Record<string, unknown>> {
  return JSON.parse(await Deno.readTextFile(new URL(file, tree)));
}

/** The output of `deno check` for `files`, with the registry that JSR_URL names. */
async function typeErrors(files: Map<string, string>): Promise<string> {
  const directory = await Deno.makeTempDir();
  try {
    const { imports } = await json("imports.json");
    const { compilerOptions } = await json("deno.json");
    await Deno.writeTextFile(
      `${directory}/deno.json`,
      JSON.stringify({ imports, compilerOptions, lock: false }),
    );
    for (const [name, text] of files) {
      await Deno.writeTextFile(`${directory}/${name}`, text);
    }
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", ...files.keys()],
      cwd: directory,
      env: { NO_COLOR: "1" },
      stdout: "null",
    }).output();
    const errors = new TextDecoder().decode(stderr);
    assert(!success, `no error in any program: ${errors}`);
    return errors;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** "TS2322 in line 3", by file. An indented line refers to another place. */
function errorsByFile(errors: string): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const error =
    /^(TS\d+) \[ERROR\]: (?! )[^]*?\n {4}at file:\S+\/([^/:]+):(\d+):\d+$/gm;
  for (const [, code, file, line] of errors.matchAll(error)) {
    const known = found.get(`${file}`) ?? new Set();
    found.set(`${file}`, known.add(`${code} in line ${line}`));
  }
  return found;
}

Deno.test("the types of @std accept the correct program, and reject each wrong program for its one error", async () => {
  const files = new Map([["accepted.ts", ACCEPTED_PROGRAM]]);
  const expected = new Map<string, Set<string>>();
  for (const [index, { text, code }] of REJECTED_PROGRAMS.entries()) {
    files.set(`rejected_${index}.ts`, text);
    const lastLine = text.trimEnd().split("\n").length;
    expected.set(
      `rejected_${index}.ts`,
      new Set([`${code} in line ${lastLine}`]),
    );
  }
  const errors = await typeErrors(files);
  const found = errorsByFile(errors);
  assertEquals(found.get("accepted.ts"), undefined, errors);
  for (const [file, wanted] of expected) {
    assertEquals(found.get(file) ?? new Set(), wanted, files.get(file));
  }
});
