import { assertEquals, assertMatch } from "@std/assert";
import { bind } from "../../client.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import {
  OpenScratch,
  reachableDeno,
  unprivileged,
} from "../support/unprivileged.ts";

const WARNING = "root daemon without a policy";

/** The warnings of a daemon during its run, which includes a re-exec. */
async function warningsOf(
  args: readonly string[],
  under: readonly string[] = [],
): Promise<string[]> {
  await using open = await OpenScratch.make();
  await Deno.mkdir(open.join("run"));
  await Deno.chmod(open.join("run"), 0o777);
  await Deno.writeTextFile(open.join("policy.jsonc"), '{ "rules": [{}] }');
  await using daemon = await Daemon.start({
    sock: open.join("run/control.sock"),
    args: args.map((each) => each.replace("POLICY", open.join("policy.jsonc"))),
    under,
    deno: under.length > 0 ? await reachableDeno(open) : Deno.execPath(),
    env: open.env,
  });
  await daemon.reexec();
  (await bind("127.0.0.1", 0, { sock: daemon.sock })).close();
  const { code, errors } = await daemon.stop();
  assertEquals(code, 0);
  return errors.split("\n").filter((line) => line.includes(WARNING));
}

for (
  const [args, mode] of [
    [["--mode", "0666"], "0666"],
    [["--mode", "0602"], "0602"],
    [["--group", "0"], "0660"],
  ] as const
) {
  Deno.test(
    `a root daemon without a policy that other users can connect to warns once: ${
      args.join(" ")
    }`,
    {
      ignore: Deno.uid() !== 0,
    },
    async () => {
      const [warning, ...more] = await warningsOf(args);
      assertMatch(
        warning ?? "",
        new RegExp(`WARN .* mode=${mode} remedy="--policy FILE"$`),
      );
      assertEquals(more, []);
    },
  );
}

for (
  const args of [
    ["--mode", "0666", "--policy", "POLICY"],
    ["--group", "0", "--policy", "POLICY"],
    ["--mode", "0600"],
    [],
  ]
) {
  const how = args.join(" ") || "no option";
  Deno.test(`a root daemon with ${how} does not warn`, {
    ignore: Deno.uid() !== 0,
  }, async () => {
    assertEquals(await warningsOf(args), []);
  });
}

Deno.test("an unprivileged daemon does not warn", {
  ignore: await lacks(...unprivileged.slice(0, 1)),
}, async () => {
  assertEquals(await warningsOf(["--mode", "0666"], unprivileged), []);
});
