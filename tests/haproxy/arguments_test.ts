import { assertEquals } from "@std/assert";
import {
  argumentsWith,
  configsOf,
  readHaproxyArguments,
} from "../../haproxy/haproxy_arguments.ts";

Deno.test("the command line of the Ruby project's unit", () => {
  const read = readHaproxyArguments(
    ["-Ds", "-f", "/etc/haproxy/foo.cfg.erb", "-p", "/run/foo.pid", "-de"],
  );
  assertEquals(configsOf(read), ["/etc/haproxy/foo.cfg.erb"]);
  assertEquals(read.pidFile, "/run/foo.pid");
  assertEquals(read.background, ["-Ds"]);
  assertEquals(read.purpose, "serve");
  assertEquals(
    argumentsWith(read, (config) => config.replace(".erb", ""), {
      first: ["-db"],
      last: ["-sf", "7"],
    }),
    ["-db", "-f", "/etc/haproxy/foo.cfg", "-de", "-sf", "7"],
  );
});

Deno.test("the value of an option is not read as an option", () => {
  const args = ["-L", "-W", "-n", "5", "-x", "-D", "-C", "/etc", "-m", "64"];
  const read = readHaproxyArguments(args);
  assertEquals(argumentsWith(read, String, {}), args);
  assertEquals(read.background, []);
  assertEquals(read.directory, "/etc");
});

Deno.test("a list of PIDs ends with the next option, or at the end", () => {
  const read = readHaproxyArguments(["-sf", "1", "2", "-q", "-st", "3"]);
  assertEquals(read.takeoverOptions, ["-sf 1 2", "-st 3"]);
  assertEquals(argumentsWith(read, String, {}), ["-q"]);
});

Deno.test("the PIDs are inserted before a list of files", () => {
  const read = readHaproxyArguments(["-q", "--", "a.cfg", "-b.cfg"]);
  assertEquals(configsOf(read), ["a.cfg", "-b.cfg"]);
  assertEquals(
    argumentsWith(read, (config) => config, { last: ["-sf", "1"] }),
    ["-q", "-sf", "1", "--", "a.cfg", "-b.cfg"],
  );
});

for (
  const [args, purpose] of [
    [["-f", "a", "-c", "-q"], "check"],
    [["-c", "-f", "a"], "check"],
    [["-vv"], "print"],
    [["-cc", "version_atleast(2.4)"], "print"],
    [["-f", "a"], "serve"],
    [["-f", "-c"], "serve"],
  ] as const
) {
  Deno.test(`purpose of ${args.join(" ")}: ${purpose}`, () => {
    assertEquals(readHaproxyArguments(args).purpose, purpose);
  });
}
