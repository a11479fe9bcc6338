import { assert, assertEquals } from "@std/assert";
import {
  groupId,
  lookUpGroup,
  lookUpUser,
  userId,
  userName,
} from "../../ffi/processes/accounts.ts";
import { lacks } from "../support/foreign_program.ts";
import { Program } from "../support/program.ts";
import { Scratch, treePath } from "../support/tree.ts";

type Lookup = (name: string) => number | undefined;
type LookupOnThread = (name: string) => Promise<number | undefined>;

const DATABASES: [
  kind: string,
  file: string,
  id: Lookup,
  onThread: LookupOnThread,
  name: ((id: number) => string | undefined) | undefined,
][] = [
  ["user", "/etc/passwd", userId, lookUpUser, userName],
  ["group", "/etc/group", groupId, lookUpGroup, undefined],
];

/** The names and numbers in a file such as /etc/passwd, without duplicates. */
async function entriesOf(file: string): Promise<[string, number][]> {
  const lines = (await Deno.readTextFile(file)).split("\n")
    .filter((line) => /^\w[^:]*:[^:]*:\d+:/.test(line));
  const entries = lines.map((line): [string, number] => {
    const [name, , id] = line.split(":") as [string, string, string];
    return [name, Number(id)];
  });
  const ids = entries.map(([, id]) => id);
  return entries.filter(([, id]) => ids.indexOf(id) === ids.lastIndexOf(id));
}

for (const [kind, file, id, onThread, name] of DATABASES) {
  Deno.test(`every ${kind} of ${file} has its number, and a user its name`, async () => {
    const entries = await entriesOf(file);
    assert(entries.length > 0);
    for (const [known, number] of entries) {
      assertEquals(id(known), number);
      assertEquals(await onThread(known), number);
      if (name !== undefined) assertEquals(name(number), known);
    }
  });

  Deno.test(`an unknown name of a ${kind} is undefined`, async () => {
    const unknown = ["nobody-has-this-name", "", "a\0b", "x".repeat(5000)];
    for (const each of unknown) {
      assertEquals(id(each), undefined);
      assertEquals(await onThread(each), undefined);
    }
    assertEquals(name?.(3_999_999_999), undefined);
  });

  Deno.test(`a ${kind} of digits is a number`, async () => {
    const numbers: [string, number | undefined][] = [
      ["0", 0],
      ["0042", 42],
      ["3999999999", 3999999999],
      ["4294967294", 4294967294],
      ["4294967295", undefined],
      ["9".repeat(40), undefined],
    ];
    for (const [text, number] of numbers) {
      assertEquals(id(text), number);
      assertEquals(await onThread(text), number);
    }
  });

  Deno.test(`many names of a ${kind} are looked up at once`, async () => {
    const names = Array.from({ length: 100 }, (_, at) => at % 2 ? "root" : "-");
    assertEquals(
      await Promise.all(names.map(onThread)),
      names.map((each) => each === "root" ? 0 : undefined),
    );
  });
}

const WITH_ANOTHER_FILE = `
  mount --bind "$1" /etc/group || exit
  shift
  exec "$@"
`;
const LOOK_UP = `
  import { groupId, lookUpGroup } from "${new URL(
  "ffi/processes/accounts.ts",
  `file://${treePath("")}`,
)}";
  const id = await lookUpGroup("crowd");
  console.log(JSON.stringify([groupId("crowd"), id]));
`;

Deno.test({
  name: "a group of many members is found",
  ignore: Deno.uid() !== 0 || await lacks("unshare"),
  fn: async () => {
    await using scratch = await Scratch.make();
    const members = Array.from({ length: 20_000 }, (_, at) => `member${at}`);
    const file = scratch.join("group");
    await Deno.writeTextFile(file, `crowd:x:4242:${members.join(",")}\n`);
    await using program = Program.start("unshare", {
      args: [
        "--mount",
        "sh",
        "-c",
        WITH_ANOTHER_FILE,
        "sh",
        file,
        Deno.execPath(),
        "eval",
        LOOK_UP,
      ],
    });
    const { code, output, errors } = await program.end();
    assertEquals({ code, errors }, { code: 0, errors: "" });
    assertEquals(JSON.parse(output), [4242, 4242]);
  },
});
