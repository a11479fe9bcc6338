import { assertEquals } from "@std/assert";
import { backgroundKeywords } from "../../haproxy/configuration/background_keywords.ts";

for (
  const [what, config, expected] of [
    ["daemon", "global\n  daemon\n", ["daemon"]],
    [
      "both, one with an argument",
      "global\n master-worker no-exit-on-failure\n daemon # here\n",
      ["master-worker", "daemon"],
    ],
    ["in a comment", "global\n  # daemon\n", []],
    ["in another section", "global\n\nlisten daemon\n  daemon x\n", []],
    ["in a later global section", "defaults\nglobal\n daemon", ["daemon"]],
    ["at the beginning of another word", "global\n  daemons\n", []],
    [
      "after a keyword that begins like the name of a section",
      "global\n  acme.scheduler auto\n  daemon\n",
      ["daemon"],
    ],
  ] as const
) {
  Deno.test(`background keywords: ${what}`, () => {
    assertEquals(backgroundKeywords(config), [...expected]);
  });
}
