import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { BindError } from "../../client.ts";
import { adviceFor } from "../../client/command/advice.ts";
import { FetchError } from "../../client/command/start/fetched_sockets.ts";
import { runClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { Scratch } from "../support/tree.ts";

/** What to do about an address that the daemon cannot bind. */
function advice(asked: string, code: string, message: string): string {
  const cause = new BindError({
    code: 10000,
    message: `Could not bind: ${message} (${code})`,
    data: { errno: 1, code, syscall: "bind" },
  });
  return adviceFor(new FetchError(asked, cause)) ?? "";
}

Deno.test("advice about a port that may not be bound is another than about a path", () => {
  const denied = "Permission denied";
  assertStringIncludes(
    advice("127.0.0.1:80", "EACCES", `bind 127.0.0.1:80: ${denied}`),
    "CAP_NET_BIND_SERVICE",
  );
  const path = advice("unix:/root/x", "EACCES", `bind /root/x: ${denied}`);
  assertEquals(path.includes("CAP_NET_BIND_SERVICE"), false);
  assertStringIncludes(path, "directory");
});

for (
  const [address, command] of [
    ["127.0.0.1:80", "ss -ltnp"],
    ["udp://127.0.0.1:53", "ss -lunp"],
    ["unix:/run/x", "ss -lxp"],
    ["seqpacket:@x", "ss -lxp"],
  ] as const
) {
  Deno.test(`who has ${address} is shown by ${command}`, () => {
    const message = `bind ${address}: Address already in use`;
    assertStringIncludes(advice(address, "EADDRINUSE", message), command);
  });
}

Deno.test("what is known of a path without its address is said of a path", () => {
  const of = (code: string, message: string) =>
    adviceFor(
      new BindError({
        code: 10000,
        message: `Could not bind: ${message} (${code})`,
        data: { errno: 1, code, syscall: "bind" },
      }),
    );
  assertMatch(`${of("EADDRINUSE", "bind /run/x: In use")}`, /ss -lxp/);
  assertMatch(`${of("EADDRINUSE", "bind 127.0.0.1:1: In use")}`, /ss -ltnp/);
  assertMatch(`${of("ENOENT", "open /run/x: None")}`, /missing: create it$/);
});

for (const option of ["SO_MARK", "IP_TRANSPARENT", "IPV6_TRANSPARENT"]) {
  Deno.test(`${option} needs a capability of the daemon's`, () => {
    const message = `setsockopt ${option}: Operation not permitted`;
    assertStringIncludes(
      advice("127.0.0.1:80", "EPERM", message),
      "CAP_NET_ADMIN or CAP_NET_RAW",
    );
  });
}

const PATHS: [what: string, path: string, says: RegExp][] = [
  [
    "a plain file in the way",
    "file",
    /^ {2}the path is a file that is not a socket/,
  ],
  ["a missing directory", "none/deep/x", /mkdir -p \/.*\/none\/deep`/],
  ["a directory that others may swap", "open/in/x", /write permission/],
];

for (const [what, path, says] of PATHS) {
  Deno.test(`exec says what to do about ${what}`, async () => {
    await using daemon = await Daemon.start();
    await using scratch = await Scratch.make();
    await Deno.writeTextFile(scratch.join("file"), "");
    await Deno.mkdir(scratch.join("open/in"), { recursive: true });
    await Deno.chmod(scratch.join("open"), 0o777);
    const address = `unix:${scratch.join(path)}`;
    const { code, errors } = await runClient(daemon, [
      "exec",
      address,
      "--",
      "true",
    ]);
    assertEquals(code, 1);
    const [reason = "", todo = ""] = errors.split("\n");
    assertStringIncludes(reason, address);
    assertMatch(todo, says);
  });
}
