import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { BindError } from "../../client.ts";
import { adviceFor } from "../../client/command/advice.ts";
import { FetchError } from "../../client/command/start/fetched_sockets.ts";
import { runClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { Scratch } from "../support/tree.ts";

/** The advice for an address that the daemon cannot bind. */
function advice(asked: string, code: string, message: string): string {
  const cause = new BindError({
    code: 10000,
    message: `Could not bind: ${message} (${code})`,
    data: { errno: 1, code, syscall: "bind" },
  });
  return adviceFor(new FetchError(asked, cause)) ?? "";
}

Deno.test("the advice for EACCES names the capability for a port and the directory for a path", () => {
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
  Deno.test(`the advice for ${address} in use names ${command}`, () => {
    const message = `bind ${address}: Address already in use`;
    assertStringIncludes(advice(address, "EADDRINUSE", message), command);
  });
}

Deno.test("the advice recognizes a path in the message of an error", () => {
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
  assertMatch(`${of("ENOENT", "open /run/x: None")}`, /exist: create it$/);
});

for (const option of ["SO_MARK", "IP_TRANSPARENT", "IPV6_TRANSPARENT"]) {
  Deno.test(`the advice for ${option} names the capabilities that the daemon needs`, () => {
    const message = `setsockopt ${option}: Operation not permitted`;
    assertStringIncludes(
      advice("127.0.0.1:80", "EPERM", message),
      "CAP_NET_ADMIN or CAP_NET_RAW",
    );
  });
}

const PATHS: [what: string, path: string, says: RegExp][] = [
  [
    "a path that is a plain file",
    "file",
    /^ {2}the path is a file that is not a/,
  ],
  [
    "a directory that does not exist",
    "none/deep/x",
    /mkdir -p \/.*\/none\/deep`/,
  ],
  ["a directory that other users can replace", "open/in/x", /write permission/],
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
