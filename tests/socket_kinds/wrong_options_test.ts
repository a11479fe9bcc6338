import { assertEquals, assertStringIncludes } from "@std/assert";
import { ErrorCode } from "../../protocol.ts";
import { Daemon } from "../support/daemon.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { Scratch } from "../support/tree.ts";
import { KINDS, PLACES } from "../support/socket_kinds/places.ts";
import { rawList, refused } from "../support/socket_kinds/raw_bind.ts";

const NO_FLAG = [1, 0, "true", null, [], {}];

/** Invalid numbers: text, a fraction, too small, too large, ... */
function noNumber(most: number, least = 0): unknown[] {
  return ["1", 0.5, least - 1, most + 1, 1e300, null, true, [1], {}];
}

const MAX_INT = 0x7fffffff;
const MAX_UNSIGNED = 0xffffffff;

const NO_MODE = ["rw", "", "0", "66", "06000", "1777", "0888", "0o660", 432];
const NO_ACCOUNT = [
  "",
  "a b",
  "a:b",
  "a/b",
  "a\0b",
  "a\nb",
  -1,
  0.5,
  MAX_UNSIGNED,
  2 ** 32,
  // chown(2) takes the first for "leave as it is" and truncates the others.
  "4294967295",
  "4294967296",
  "18446744073709551616",
  null,
  true,
  [],
  {},
];

const WRONG: Record<string, unknown[]> = {
  reuse_port: NO_FLAG,
  free_bind: NO_FLAG,
  transparent: NO_FLAG,
  v6only: NO_FLAG,
  mark: noNumber(MAX_UNSIGNED),
  recv_buffer: noNumber(MAX_INT, 1),
  send_buffer: noNumber(MAX_INT, 1),
  defer_accept: noNumber(MAX_INT),
  fast_open: noNumber(MAX_INT),
  backlog: noNumber(MAX_INT),
  device: ["", "a/b", "a b", "x".repeat(16), "a\0b", 1, null, true],
  mode: [...NO_MODE, null, true, [], "0660\n", " 660"],
  owner: NO_ACCOUNT,
  group: NO_ACCOUNT,
};

const TAKES_ALL = PLACES.find(({ name }) => name === "tcp over IPv4")!;
const HAS_A_FILE = PLACES.find(({ name }) => name === "unix at a path")!;

for (const [option, values] of Object.entries(WRONG)) {
  Deno.test(`an invalid value of ${option} is -32602 and the error names the option`, async (t) => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const isOfFile = ["mode", "owner", "group"].includes(option);
    const place = isOfFile ? HAS_A_FILE : TAKES_ALL;
    for (const value of values) {
      await t.step(JSON.stringify(value), async () => {
        const params = place.params(scratch, "socket");
        const error = await refused(connection, { ...params, [option]: value });
        assertEquals(error.code, ErrorCode.INVALID_PARAMS);
        assertStringIncludes(error.message, option);
      });
    }
    assertEquals(await rawList(connection), []);
    assertEquals([...Deno.readDirSync(scratch.path)], []);
  });
}

for (const place of PLACES) {
  Deno.test(`an unknown option is -32602 and the error names it: ${place.name}`, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    for (const name of ["reuseport", "Backlog", "nodelay", "constructor"]) {
      const params = place.params(scratch, "socket");
      const error = await refused(connection, { ...params, [name]: true });
      assertEquals(error.code, ErrorCode.INVALID_PARAMS);
      assertStringIncludes(error.message, name);
    }
    assertEquals(await rawList(connection), []);
  });
}

Deno.test("a param of another kind of address is -32602 and the error names it", async (t) => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  for (const kind of KINDS) {
    const isInternet = kind === "tcp" || kind === "udp";
    const own = isInternet
      ? { kind, address: "127.0.0.1", port: 0 }
      : { kind, path: "@multibinder-test" };
    const foreign: Record<string, unknown> = isInternet
      ? { path: "/run/web.sock" }
      : { address: "127.0.0.1", port: 0, v6only: true, device: "lo" };
    for (const [name, value] of Object.entries(foreign)) {
      await t.step(`${name} for ${kind}`, async () => {
        const error = await refused(connection, { ...own, [name]: value });
        assertEquals(error.code, ErrorCode.INVALID_PARAMS);
        assertStringIncludes(error.message, name);
      });
    }
  }
  assertEquals(await rawList(connection), []);
});
