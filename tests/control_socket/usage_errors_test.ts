import { assertEquals, assertThrows } from "@std/assert";
import { readCommandLine, usageOf } from "../../server/options.ts";
import { UsageError } from "../../given_options.ts";

/** Words of a command line, separated by spaces, and the whole message. */
const WRONG: readonly [words: string, message: string][] = [
  ["--mode 0600 --mode 0660 s", "--mode is given twice"],
  ["--takeover :1 --takeover=:2 s", "--takeover is given twice"],
  [
    "--mode /run/mb.sock",
    "invalid --mode /run/mb.sock: expected octal digits such as 0600",
  ],
  [
    "--max-clients -1 s",
    "invalid --max-clients -1: expected a number from 1 to 999999999",
  ],
  ["s --log-level", "the value of --log-level is missing"],
  ["--policy= s", "the value of --policy is missing"],
  ["--completions", "the value of --completions is missing"],
  ["--check-policy f --as", "the value of --as is missing"],
  ["--check-policy", "the value of --check-policy is missing"],
  ["--version=1", "--version takes no value: --version=1"],
  ["-x s", "unknown option -x"],
];

Deno.test("the message of an invalid command line of the daemon names the option", () => {
  for (const [words, message] of WRONG) {
    const error = assertThrows(
      () => readCommandLine(words.split(" "), "multibinder-server"),
      UsageError,
    );
    assertEquals(error.message, message, words);
  }
});

Deno.test("help prints the usage, and ./help is a control socket", () => {
  assertEquals(readCommandLine(["help"], "mb"), { show: usageOf("mb") });
  const command = readCommandLine(["./help"], "mb");
  assertEquals("start" in command && command.start.path, "./help");
});
