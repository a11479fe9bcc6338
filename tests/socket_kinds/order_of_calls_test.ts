/**
 * The order of the system calls of a bind.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { Program } from "../support/program.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { Scratch } from "../support/tree.ts";
import { granted } from "../support/socket_kinds/raw_bind.ts";

const ignore = Deno.uid() !== 0 || await lacks("strace");

const TRACED =
  "socket,setsockopt,bind,listen,umask,fchownat,chmod,fchmodat,sendmsg";

/** The system calls of a daemon for one bind. */
async function callsFor(
  params: (scratch: Scratch) => unknown,
): Promise<string[]> {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  // The first request causes other system calls too.
  await granted(connection, { address: "127.0.0.9", port: 0 });
  const file = scratch.join("trace");
  await using strace = Program.start("strace", {
    args: ["-f", "-e", `trace=${TRACED}`, "-o", file, "-p", `${daemon.pid}`],
  });
  await strace.errors.next("attached");
  await granted(connection, params(scratch));
  strace.signal("SIGINT");
  await strace.end();
  const lines = (await Deno.readTextFile(file)).split("\n");
  return lines.map((line) => line.replace(/^\d+ +/, ""));
}

/** The names of the patterns in the order of the matching calls. */
function orderOf(
  calls: readonly string[],
  patterns: Record<string, RegExp>,
): string[] {
  return calls.flatMap((call) =>
    Object.keys(patterns).filter((name) => patterns[name]!.test(call))
  );
}

Deno.test("options are set before bind(2), and bind(2) is before listen(2)", {
  ignore,
}, async () => {
  const calls = await callsFor(() => ({
    address: "127.0.0.1",
    port: 0,
    device: "lo",
    reuse_port: true,
    free_bind: true,
    transparent: true,
    mark: 7,
    recv_buffer: 65536,
    send_buffer: 65536,
    defer_accept: 3,
    fast_open: 5,
    backlog: 9,
  }));
  const order = orderOf(calls, {
    socket: /^socket\(AF_INET,/,
    option:
      /^setsockopt\(.*(SO_REUSEPORT|SO_RCVBUF|SO_SNDBUF|SO_MARK|SO_BINDTODEVICE|IP_FREEBIND|IP_TRANSPARENT|TCP_DEFER_ACCEPT|TCP_FASTOPEN)/,
    bind: /^bind\(/,
    listen: /^listen\(\d+, 9\)/,
    handed: /^sendmsg\(.*SCM_RIGHTS/,
  });
  assertEquals(order, [
    "socket",
    ...Array<string>(9).fill("option"),
    "bind",
    "listen",
    "handed",
  ]);
});

for (const kind of ["unix", "seqpacket", "unixgram"]) {
  Deno.test(`a file is created with its mode: ${kind}`, {
    ignore,
  }, async () => {
    const calls = await callsFor((scratch) => ({
      kind,
      path: scratch.join("web.sock"),
      mode: "0640",
    }));
    const order = orderOf(calls, {
      mask: /^umask\(0137\)/,
      bind: /^bind\(.*web\.sock/,
      listen: /^listen\(/,
      chmod: /^(chmod|fchmodat)\(/,
      handed: /^sendmsg\(.*SCM_RIGHTS/,
    });
    const listen = kind === "unixgram" ? [] : ["listen"];
    assertEquals(order, ["mask", "bind", ...listen, "handed"]);
    assert(calls.some((call) => /^umask\(\d+\) += 0137/.test(call)));
  });

  Deno.test(
    `a file for another owner has no permissions until chown(2): ${kind}`,
    {
      ignore,
    },
    async () => {
      const calls = await callsFor((scratch) => ({
        kind,
        path: scratch.join("web.sock"),
        owner: 12345,
        group: 23456,
      }));
      const order = orderOf(calls, {
        mask: /^umask\(0777\)/,
        bind: /^bind\(.*web\.sock/,
        owner: /^fchownat\(\d+, "", 12345, 23456, AT_EMPTY_PATH\) += 0/,
        mode: /^(chmod|fchmodat)\(.*0660\) += 0/,
        listen: /^listen\(/,
        handed: /^sendmsg\(.*SCM_RIGHTS/,
      });
      const listen = kind === "unixgram" ? [] : ["listen"];
      assertEquals(order, [
        "mask",
        "bind",
        "owner",
        "mode",
        ...listen,
        "handed",
      ]);
    },
  );
}
