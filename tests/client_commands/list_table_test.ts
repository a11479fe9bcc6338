import { assertEquals, assertMatch } from "@std/assert";
import type { Holder } from "../../client.ts";
import { listNotes, listTable } from "../../client/command/list/list_table.ts";
import type { ListedSocket } from "../../client/command/list/listing.ts";

const BOUND = "2026-01-02T03:04:05.000Z";
const NOW = new Date(BOUND).getTime() + 180_000;

function socket(more: Partial<ListedSocket>): ListedSocket {
  return {
    address: "127.0.0.1:80",
    kind: "tcp",
    options: { backlog: 1000 },
    bound_at: BOUND,
    handed_out: 0,
    inode: "1",
    waiting: 0,
    ...more,
  };
}

function holder(pid: number, command: string, user: string): Holder {
  return { pid, uid: 1, user, command, descriptors: [3] };
}

/** The cells under HOLDERS. */
function holdersOf(...sockets: ListedSocket[]): string[] {
  const [heading = "", ...rows] = listTable(sockets, NOW, { holders: true });
  const start = heading.indexOf("HOLDERS");
  const end = heading.indexOf("LAST TO");
  return rows.map((row) => row.slice(start, end).trim());
}

Deno.test("every kind of socket has a line", () => {
  const at = new Date(NOW - 40_000).toISOString();
  const sockets = [
    socket({ waiting: 12, options: { backlog: 50, device: "eth0" } }),
    socket({
      address: "unix:/run/web.sock",
      kind: "unix",
      handed_out: 120,
      last_peer: { pid: 42, uid: 1000, gid: 7, at },
    }),
  ];
  const { waiting: _, ...datagram } = socket({
    address: "udp://[::1]:53",
    kind: "udp",
    options: {},
  });
  assertEquals(listTable([...sockets, datagram], NOW, { holders: false }), [
    "ADDRESS             KIND  BACKLOG  WAITING  AGE  HANDED OUT  LAST TO",
    "127.0.0.1:80%eth0   tcp        50       12   3m           0  -",
    "unix:/run/web.sock  unix     1000        0   3m         120  pid 42 uid 1000 40s ago",
    "udp://[::1]:53      udp         -        -   3m           0  -",
  ]);
});

Deno.test("a device that is part of the address is not shown twice", () => {
  const options = { device: "eth0" };
  const [, row = ""] = listTable(
    [socket({ address: "127.0.0.1:80%eth0", options })],
    NOW,
    { holders: false },
  );
  assertEquals(row.split(" ")[0], "127.0.0.1:80%eth0");
});

Deno.test("holders are grouped by command and user", () => {
  const workers = [1, 2, 3, 4, 5].map((pid) =>
    holder(pid, "nginx: worker process", "www")
  );
  assertEquals(
    holdersOf(
      socket({ holders: [holder(7, "/usr/bin/python3 app.py", "web")] }),
      socket({ holders: [holder(9, "nginx: master", "root"), ...workers] }),
      socket({ holders: workers.slice(0, 2) }),
      socket({ holders: [] }),
      socket({}),
    ),
    [
      "7 python3 app.py (web)",
      "9 nginx: master (root), 1+2+3+2 more nginx: worker process (www)",
      "1+2 nginx: worker process (www)",
      "daemon only",
      "-",
    ],
  );
});

Deno.test("a command is shown without its options", () => {
  const deno =
    "/usr/bin/deno run --no-prompt --allow-ffi=/lib/libc.so service.ts";
  const commands = [deno, "-bash", "python3 -m http.server --bind ::1"];
  assertEquals(
    holdersOf(
      ...commands.map((each) => socket({ holders: [holder(7, each, "web")] })),
    ),
    [
      "7 deno run service.ts (web)",
      "7 -bash (web)",
      "7 python3 http.server ::1 (web)",
    ],
  );
});

Deno.test("a narrow table leaves columns out, but not address, kind, waiting and holders", () => {
  const at = new Date(NOW - 40_000).toISOString();
  const web = socket({
    holders: [holder(4711, "deno run -A service.ts", "www-data")],
    last_peer: { pid: 42, uid: 1000, gid: 7, at },
  });
  const lines = (width: number) =>
    listTable([web], NOW, { holders: true, width });
  const heading = (width: number) => lines(width)[0]!.split(/ {2,}/).join(" ");
  const all = "ADDRESS KIND BACKLOG WAITING AGE HANDED OUT HOLDERS LAST TO";
  assertEquals([200, 115, 114, 98, 97, 73, 72].map(heading), [
    all,
    all,
    "ADDRESS KIND BACKLOG WAITING HOLDERS LAST TO",
    "ADDRESS KIND BACKLOG WAITING HOLDERS LAST TO",
    "ADDRESS KIND BACKLOG WAITING HOLDERS",
    "ADDRESS KIND BACKLOG WAITING HOLDERS",
    "ADDRESS KIND WAITING HOLDERS",
  ]);
  assertEquals(lines(40), [
    "ADDRESS       KIND  WAITING  HOLDERS",
    "127.0.0.1:80  tcp         0  4711 deno …",
  ]);
});

Deno.test("an address is shown as release takes it, with the port that the kernel chose", () => {
  const shown = (more: Partial<ListedSocket>) =>
    listTable([socket(more)], NOW, { holders: false })[1]!
      .split(/ {2,}/)[0];
  const v6only = (v6only: boolean) => ({ options: { v6only } });
  assertEquals(
    [
      shown({ address: "127.0.0.1:0", bound: "127.0.0.1:38803" }),
      shown({ address: "udp://[::1]:0", bound: "udp://[::1]:53" }),
      shown({ address: "[::1]:80", ...v6only(true) }),
      shown({ address: "[::1]:80", ...v6only(false) }),
      shown({ address: ":80", ...v6only(false) }),
      shown({ address: "[::]:80", ...v6only(true) }),
      shown({ address: "unix:/run/web.sock", kind: "unix" }),
      shown({
        address: "[::1]:0",
        bound: "[::1]:9",
        options: { v6only: false, device: "lo" },
      }),
    ],
    [
      "127.0.0.1:0 (38803)",
      "udp://[::1]:0 (53)",
      "[::1]:80",
      "[::1]:80 --v6only false",
      ":80",
      "[::]:80",
      "unix:/run/web.sock",
      "[::1]:0%lo --v6only false (9)",
    ],
  );
});

Deno.test("a socket without a known holder is doubtful if processes could not be inspected", () => {
  const doubtful = (unreadable: number) => {
    const sockets = [socket({ holders: [], unreadable })];
    const [, row = ""] = listTable(sockets, NOW, { holders: true });
    const [note] = listNotes(sockets, { root: false, width: 75 });
    return [row.includes("daemon only?"), note];
  };
  assertEquals(doubtful(0), [false, undefined]);
  assertEquals(doubtful(1), [
    true,
    "1 process could not be inspected and may hold them too; root can inspect m…",
  ]);
  assertMatch(String(doubtful(12)[1]), /^12 processes could not be inspected/);
});

Deno.test("root does not get the advice to be root", () => {
  const sockets = [socket({ holders: [], unreadable: 2 })];
  assertEquals(listNotes(sockets, { root: true }), [
    "2 processes could not be inspected and may hold them too.",
  ]);
});
