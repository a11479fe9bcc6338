/**
 * Programs that the real types of the @std packages reject, and one that they
 * accept.
 * @module
 */

/** Uses each name that this project uses of them, as intended. */
export const ACCEPTED_PROGRAM = `import * as assert from "@std/assert";
import { parseArgs } from "@std/cli/parse-args";
import { BaseHandler } from "@std/log/base-handler";
import { type LevelName, LogLevels } from "@std/log/levels";
import { Logger, type LogRecord } from "@std/log/logger";
import * as path from "@std/path";
import * as posix from "@std/path/posix";
import { basename } from "@std/path/posix/basename";
import { dirname } from "@std/path/posix/dirname";
import { join } from "@std/path/posix/join";
import { normalize } from "@std/path/posix/normalize";

const literal = parseArgs(["--sock=/run/x"], {
  boolean: ["help"],
  string: ["_", "sock"],
  unknown: (argument: string, option?: string) => option !== argument,
});
const sock: string | undefined = literal.sock;
const help: boolean | undefined = literal.help;
const words: string[] = literal._.map(String);
const names: readonly string[] = ["sock"];
const read: Record<string, unknown> = parseArgs(Deno.args, {
  boolean: [...names, "help"],
  string: ["_", ...names],
  collect: names,
});

const text: unknown = sock ?? read.sock;
assert.assertStrictEquals(text, "a", "message");
const same: "a" = text;
const maybe = [same].at(0);
assert.assertExists(maybe);
const found: string = maybe;
assert.assert(help === true || words.length > 0, "message");
assert.assertEquals({ found }, { found: "a" });
assert.assertNotEquals<unknown>(1, "1");
assert.assertNotStrictEquals(new Date(0), new Date(0));
assert.assertMatch(found, /a/);
assert.assertStringIncludes(found, "a");
assert.assertArrayIncludes(new Uint8Array([1, 2]), [1]);
const error: TypeError = assert.assertThrows(
  () => new URL(""),
  TypeError,
  "Invalid",
);
const anything: unknown = assert.assertThrows(() => new URL(""), "message");
const rejection: Promise<Error> = assert.assertRejects(
  () => Promise.reject(anything),
  Error,
  error.message,
);
const other: Promise<unknown> = assert.assertRejects(() => rejection);

const url: URL = path.toFileUrl(
  path.resolve(
    path.join(path.dirname("/a/b"), path.basename("/b.c", ".c")),
    path.relative("/", path.fromFileUrl(new URL("file:///a"))),
  ),
);
const directories: string[] = [
  basename("/a"),
  dirname("/a"),
  join("/a", "b", "c"),
  normalize("/a/../b"),
  posix.basename(url),
  posix.dirname(url),
  posix.join(url, "b"),
  posix.resolve(),
];

class Handler extends BaseHandler {
  readonly lines = directories;
  override log(line: string): void {
    this.lines.push(line);
  }
}
interface Log extends Logger {
  flush(): void;
}
const levelName = "INFO" as LevelName;
const handler = new Handler(levelName, {
  formatter: (record: LogRecord): string =>
    JSON.stringify({
      time: record.datetime.toISOString(),
      level: record.levelName.toLowerCase(),
      message: record.msg,
      first: record.args[0],
    }),
});
const logger = new Logger("name", levelName, { handlers: [handler] });
const log: Log = Object.assign(logger, { flush: () => handler.destroy() });
if (log.level > LogLevels.INFO) log.info("text", { other });
log.debug("text");
log.warn(() => "text");
log.error("text", 1, 2);
`;

/** Programs with the same first lines. */
interface ProgramGroup {
  /** The first lines, which have no error. */
  start: string;
  /** The code of the error, and the lines that follow the first ones. */
  programs: [code: string, lines: string][];
}

/** A program with one error, on its last line. */
export interface RejectedProgram {
  text: string;
  /** The error's code, such as "TS2322". */
  code: string;
}

const PARSE_ARGS: ProgramGroup = {
  start: `import { parseArgs } from "@std/cli/parse-args";`,
  programs: [
    // Lists of names that are generic: Extract<Flag, string> stays unresolved.
    [
      "TS2322",
      `const read = <Flag extends string>(flags: readonly Flag[]) =>
  parseArgs([], { boolean: [...flags, "help"] });`,
    ],
    [
      "TS2322",
      `const read = <Flag extends string>(flags: readonly Flag[]) =>
  parseArgs([], { boolean: flags });`,
    ],
    [
      "TS2322",
      `const read = <Value extends string>(values: readonly Value[]) =>
  parseArgs([], { string: ["_", ...values] });`,
    ],
    [
      "TS2322",
      `const read = <Value extends string>(values: Value[]) =>
  parseArgs([], { string: ["sock"], collect: values });`,
    ],
    ["TS2554", `parseArgs();`],
    ["TS2345", `parseArgs("--help", { boolean: ["help"] });`],
    ["TS2322", `parseArgs([8000], { string: ["port"] });`],
    ["TS2322", `parseArgs([], { boolean: [true] });`],
    ["TS2322", `parseArgs([], { string: [8000] });`],
    ["TS2322", `parseArgs([], { string: ["sock"], collect: [null] });`],
    ["TS2353", `parseArgs([], { boolean: { help: true } });`],
    ["TS2322", `parseArgs([], { string: ["sock"], unknown: "refuse" });`],
    ["TS2322", `parseArgs([], { unknown: (argument: number) => argument });`],
    ["TS2353", `parseArgs([], { string: ["sock"], required: ["sock"] });`],
    ["TS2344", `parseArgs<"sock">([], { string: ["sock"] });`],
    [
      "TS2322",
      `const sock: string = parseArgs([], { string: ["sock"] }).sock;`,
    ],
    [
      "TS2322",
      `const sock: number | undefined = parseArgs([], { string: ["sock"] }).sock;`,
    ],
    [
      "TS18048",
      `const { sock } = parseArgs([], { string: ["sock"] });
sock.length;`,
    ],
    [
      "TS2322",
      `const help: string = parseArgs([], { boolean: ["help"] }).help;`,
    ],
    ["TS2367", `parseArgs([], { boolean: ["help"] }).help === "yes";`],
    [
      "TS2322",
      `const other: string = parseArgs([], { string: ["sock"] }).other;`,
    ],
    [
      "TS18046",
      `const { other } = parseArgs([], { boolean: ["help"] });
other.length;`,
    ],
    [
      "TS2322",
      `const words: string[] = parseArgs([], { boolean: ["help"] })._;`,
    ],
    [
      "TS2367",
      `const { _: words } = parseArgs([], { boolean: ["help"] });
words[0] === true;`,
    ],
    [
      "TS2322",
      `const sock: string = parseArgs([], { string: ["sock"], collect: ["sock"] }).sock;`,
    ],
    [
      "TS2322",
      `const sock: number[] = parseArgs([], { string: ["sock"], collect: ["sock"] }).sock ?? [];`,
    ],
    [
      "TS2322",
      `const json: boolean = parseArgs([], { boolean: ["json"], collect: ["json"] }).json;`,
    ],
    [
      "TS2322",
      `const level: string | undefined = parseArgs([], { string: ["log.level"] })["log.level"];`,
    ],
    // Lists of names that are known at run time only.
    [
      "TS2322",
      `const names: string[] = [];
const sock: string = parseArgs([], { string: names }).sock;`,
    ],
    [
      "TS2322",
      `const names: readonly string[] = [];
const json: string | undefined = parseArgs([], { boolean: names }).json;`,
    ],
    [
      "TS2322",
      `const names: readonly string[] = [];
const json: boolean = parseArgs([], { boolean: names }).json;`,
    ],
    [
      "TS2322",
      `const names: string[] = [];
const sock: string | undefined = parseArgs([], { string: names, collect: names }).sock;`,
    ],
    [
      "TS2322",
      `const names: string[] = [];
const sock: string[] = parseArgs([], { string: names, collect: names }).sock;`,
    ],
  ],
};

const ASSERT: ProgramGroup = {
  start: `import {
  assert,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertMatch,
  assertNotEquals,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
declare const text: string | undefined;
declare const unknown: unknown;`,
  programs: [
    ["TS2554", `assert();`],
    ["TS2345", `assert(true, 5);`],
    ["TS2554", `assert(true, "message", "more");`],
    [
      "TS2322",
      `assert(typeof unknown === "string");
const number: number = unknown;`,
    ],
    ["TS2322", `const passed: boolean = assert(true);`],
    ["TS2554", `assertEquals(1);`],
    ["TS2345", `assertEquals(1, "1");`],
    ["TS2345", `assertEquals(text, 1);`],
    ["TS2345", `assertEquals(1, 1, 1);`],
    ["TS2345", `assertEquals<string>(1, 1);`],
    ["TS2558", `assertEquals<number, number>(1, 1);`],
    ["TS2322", `const equal: boolean = assertEquals(1, 1);`],
    ["TS2554", `assertNotEquals(1);`],
    ["TS2345", `assertNotEquals(1, "1");`],
    ["TS2345", `assertNotEquals(1, 2, /message/);`],
    ["TS2554", `assertNotStrictEquals({});`],
    ["TS2345", `assertNotStrictEquals(1, "1");`],
    ["TS2345", `assertNotStrictEquals(1, 2, 3);`],
    ["TS2554", `assertStrictEquals(1);`],
    ["TS2345", `assertStrictEquals(1, 1, 1);`],
    [
      "TS2322",
      `assertStrictEquals(unknown, "a");
const number: number = unknown;`,
    ],
    ["TS2554", `assertExists();`],
    ["TS2345", `assertExists(text, 5);`],
    [
      "TS2322",
      `assertExists(text);
const number: number = text;`,
    ],
    ["TS2345", `assertMatch("text", "pattern");`],
    ["TS2345", `assertMatch(5, /pattern/);`],
    ["TS2345", `assertMatch(text, /pattern/);`],
    ["TS2554", `assertMatch("text");`],
    ["TS2345", `assertStringIncludes(["text"], "text");`],
    ["TS2345", `assertStringIncludes("text", /pattern/);`],
    ["TS2345", `assertStringIncludes(text, "text");`],
    ["TS2554", `assertStringIncludes("text");`],
    ["TS2345", `assertArrayIncludes("text", ["t"]);`],
    ["TS2345", `assertArrayIncludes([1], 1);`],
    ["TS2322", `assertArrayIncludes([1], ["1"]);`],
    ["TS2345", `assertArrayIncludes(new Set([1]), [1]);`],
    ["TS2345", `assertArrayIncludes([1], [1], 1);`],
    ["TS2345", `assertThrows("text");`],
    ["TS2345", `assertThrows((value: number) => value);`],
    ["TS2345", `assertThrows(() => {}, Error, /pattern/);`],
    ["TS2769", `assertThrows(() => {}, RegExp);`],
    ["TS2769", `assertThrows(() => {}, new Error());`],
    ["TS2571", `assertThrows(() => {}).message;`],
    [
      "TS2741",
      `const error: AggregateError = assertThrows(() => {}, TypeError);`,
    ],
    ["TS2554", `assertThrows();`],
    ["TS2322", `assertRejects(() => 5);`],
    ["TS2769", `assertRejects(() => {}, Error);`],
    ["TS2345", `assertRejects(Promise.reject(new Error()));`],
    ["TS2345", `assertRejects(() => Promise.resolve(), Error, /pattern/);`],
    ["TS2769", `assertRejects(() => Promise.resolve(), RegExp);`],
    ["TS2571", `(await assertRejects(() => Promise.resolve())).message;`],
    ["TS2339", `assertRejects(() => Promise.resolve(), Error).message;`],
    [
      "TS2741",
      `const error: AggregateError = await assertRejects(() => Promise.resolve(), TypeError);`,
    ],
  ],
};

const PATH: ProgramGroup = {
  start: `import {
  basename,
  dirname,
  fromFileUrl,
  join,
  relative,
  resolve,
  toFileUrl,
} from "@std/path";`,
  programs: [
    ["TS2554", `basename();`],
    ["TS2345", `basename(5);`],
    ["TS2345", `basename("/a.ts", 5);`],
    ["TS2345", `basename("/a.ts", /ts/);`],
    ["TS2322", `const name: URL = basename("/a");`],
    ["TS2345", `dirname(["/a"]);`],
    ["TS2554", `dirname("/a", "/b");`],
    ["TS2322", `const directory: URL = dirname("/a");`],
    ["TS2345", `fromFileUrl(5);`],
    ["TS2345", `fromFileUrl(undefined);`],
    ["TS2554", `fromFileUrl();`],
    ["TS2322", `const url: URL = fromFileUrl("file:///a");`],
    ["TS2345", `join("/a", new URL("file:///b"));`],
    ["TS2345", `join(["/a", "b"]);`],
    ["TS2345", `join("/a", undefined);`],
    ["TS2554", `relative("/a");`],
    ["TS2345", `relative(new URL("file:///a"), "/b");`],
    ["TS2345", `relative("/a", 5);`],
    ["TS2345", `resolve(new URL("file:///a"));`],
    ["TS2345", `resolve(["/a", "b"]);`],
    ["TS2345", `resolve("/a", undefined);`],
    ["TS2345", `toFileUrl(new URL("file:///a"));`],
    ["TS2554", `toFileUrl();`],
    ["TS2322", `const url: string = toFileUrl("/a");`],
  ],
};

const PATH_POSIX: ProgramGroup = {
  start: `import * as posix from "@std/path/posix";
import { basename } from "@std/path/posix/basename";
import { dirname } from "@std/path/posix/dirname";
import { join } from "@std/path/posix/join";
import { normalize } from "@std/path/posix/normalize";`,
  programs: [
    ["TS2345", `basename(5);`],
    ["TS2345", `basename("/a.ts", /ts/);`],
    ["TS2345", `posix.basename("/a.ts", 5);`],
    ["TS2345", `dirname(["/a"]);`],
    ["TS2345", `posix.dirname(undefined);`],
    ["TS2345", `join("/a", new URL("file:///b"));`],
    ["TS2345", `posix.join("/a", 5);`],
    ["TS2322", `const parts: string[] = join("/a", "b");`],
    ["TS2554", `normalize();`],
    ["TS2345", `normalize(["/a"]);`],
    ["TS2345", `normalize(undefined);`],
    ["TS2554", `normalize("/a", "b");`],
    ["TS2345", `posix.resolve(new URL("file:///a"));`],
    ["TS2345", `posix.resolve("/a", 5);`],
    ["TS2305", `import { relative } from "@std/path/posix/dirname";`],
  ],
};

const LOG: ProgramGroup = {
  start: `import { BaseHandler } from "@std/log/base-handler";
import { type LevelName, LogLevels } from "@std/log/levels";
import { Logger, LogRecord } from "@std/log/logger";
class Handler extends BaseHandler {
  override log(line: string): void {
    console.log(line);
  }
}
declare const handler: Handler;
declare const logger: Logger;
declare const record: LogRecord;`,
  programs: [
    ["TS2511", `new BaseHandler("INFO");`],
    ["TS2515", `class Silent extends BaseHandler {}`],
    ["TS2416", `class Other extends Handler { override log(line: number) {} }`],
    [
      "TS2416",
      `class Other extends Handler { override format() { return 5; } }`,
    ],
    [
      "TS2416",
      `class Other extends Handler { override handle(record: string) {} }`,
    ],
    ["TS4114", `class Other extends Handler { format() { return ""; } }`],
    ["TS4114", `class Other extends Handler { setup() {} }`],
    ["TS4114", `class Other extends Handler { destroy() {} }`],
    ["TS4114", `class Other extends Handler { handle() {} }`],
    ["TS4113", `class Other extends Handler { override flush() {} }`],
    ["TS2554", `new Handler();`],
    ["TS2345", `new Handler("info");`],
    ["TS2345", `new Handler(LogLevels.INFO);`],
    ["TS2322", `new Handler("INFO", { formatter: () => 5 });`],
    ["TS2322", `new Handler("INFO", { formatter: "text" });`],
    ["TS2322", `new Handler("INFO", { formatter: (line: string) => line });`],
    ["TS2353", `new Handler("INFO", { format: () => "" });`],
    ["TS2345", `handler.handle("line");`],
    ["TS2345", `handler.format("line");`],
    ["TS2345", `handler.log(record);`],
    ["TS2322", `handler.level = 15;`],
    ["TS2322", `handler.level = "INFO";`],
    ["TS2820", `handler.levelName = "info";`],
    ["TS2322", `handler.formatter = (): number => 5;`],
    ["TS2322", `const level: LevelName = "FATAL";`],
    ["TS2820", `const level: LevelName = "info";`],
    ["TS2322", `const level: LevelName = LogLevels.INFO;`],
    ["TS2540", `LogLevels.INFO = 20;`],
    ["TS2339", `LogLevels.TRACE;`],
    ["TS2322", `const level: 10 = LogLevels.INFO;`],
    ["TS2554", `new Logger("name");`],
    ["TS2345", `new Logger("name", "info");`],
    ["TS2345", `new Logger(5, "INFO");`],
    ["TS2322", `new Logger("name", "INFO", { handlers: ["console"] });`],
    ["TS2740", `new Logger("name", "INFO", { handlers: handler });`],
    ["TS2353", `new Logger("name", "INFO", { formatter: () => "" });`],
    ["TS2555", `logger.info();`],
    ["TS2555", `logger.debug();`],
    ["TS2555", `logger.warn();`],
    ["TS2555", `logger.error();`],
    ["TS2322", `const said: number = logger.info("text");`],
    ["TS2322", `const said: string = logger.debug(() => "text");`],
    ["TS2339", `logger.log("text");`],
    ["TS2339", `logger.flush();`],
    ["TS2339", `logger.asString("text");`],
    ["TS2322", `logger.level = 15;`],
    ["TS2322", `logger.level = "INFO";`],
    ["TS2322", `logger.levelName = "LOUD";`],
    ["TS2540", `logger.loggerName = "other";`],
    ["TS2322", `logger.handlers = [console.log];`],
    ["TS2367", `logger.level > LogLevels.INFO && logger.level === 15;`],
    ["TS2430", `interface Other extends Logger { critical: number }`],
    [
      "TS2430",
      `interface Other extends Logger { info(message: string): void }`,
    ],
    ["TS2740", `const other: Logger = { ...logger };`],
    ["TS2540", `record.msg = "text";`],
    ["TS2540", `record.level = 20;`],
    ["TS2540", `record.args = [];`],
    ["TS2540", `record.datetime = new Date();`],
    ["TS2339", `record.level.toUpperCase();`],
    ["TS2339", `record.time;`],
    ["TS2322", `const level: LevelName = record.levelName;`],
    ["TS2322", `const args: string[] = record.args;`],
    ["TS2322", `const time: number = record.datetime;`],
    ["TS2739", `const other: LogRecord = { ...record };`],
    ["TS2345", `new LogRecord({ msg: "text" });`],
    [
      "TS2322",
      `new LogRecord({ msg: "text", args: [], level: 15, loggerName: "" });`,
    ],
  ],
};

/** All of them. */
export const REJECTED_PROGRAMS: RejectedProgram[] = [
  PARSE_ARGS,
  ASSERT,
  PATH,
  PATH_POSIX,
  LOG,
].flatMap(({ start, programs }) =>
  programs.map(([code, lines]) => ({ text: `${start}\n${lines}\n`, code }))
);
