import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Kind } from "../../address.ts";
import { isListening } from "../../ffi/sockets/socket.ts";
import { ErrorCode, type WireOptions } from "../../protocol.ts";
import { lacksIpv6 } from "../support/binds/listening_socket.ts";
import { Daemon } from "../support/daemon.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { Scratch } from "../support/tree.ts";
import {
  isV6Only,
  READ,
  tcpBacklog,
  unixBacklog,
} from "../support/socket_kinds/kernel_options.ts";
import { KINDS, type Place, PLACES } from "../support/socket_kinds/places.ts";
import {
  granted,
  rawList,
  rawRelease,
  refused,
} from "../support/socket_kinds/raw_bind.ts";

const noIpv6 = lacksIpv6();
const isRoot = Deno.uid() === 0;

const INTERNET: readonly Kind[] = ["tcp", "udp"];

/** An option with the expected values in the kernel. */
interface Case {
  option: keyof typeof READ;
  kinds: readonly Kind[];
  /** Requested value and value in the kernel. */
  values: [asked: number | boolean, there: number][];
  /** Whether it needs CAP_NET_ADMIN. */
  privileged?: boolean;
}

const CASES: Case[] = [
  { option: "reuse_port", kinds: INTERNET, values: [[true, 1], [false, 0]] },
  { option: "free_bind", kinds: INTERNET, values: [[true, 1], [false, 0]] },
  {
    option: "transparent",
    kinds: INTERNET,
    values: [[true, 1], [false, 0]],
    privileged: true,
  },
  {
    option: "mark",
    kinds: INTERNET,
    values: [[0, 0], [42, 42], [0xffffffff, -1]],
    privileged: true,
  },
  // The kernel doubles both.
  { option: "recv_buffer", kinds: KINDS, values: [[65536, 131072]] },
  { option: "send_buffer", kinds: KINDS, values: [[65536, 131072]] },
  {
    option: "defer_accept",
    kinds: ["tcp"],
    // The kernel rounds up to a retransmission, after 1, 3, 7, 15 ... s.
    values: [[0, 0], [1, 1], [2, 3], [3, 3], [5, 7], [30, 31]],
  },
  { option: "fast_open", kinds: ["tcp"], values: [[0, 0], [16, 16]] },
];

function ignored({ family }: Place, privileged = false): boolean {
  return (family === "ipv6" && noIpv6) || (privileged && !isRoot);
}

for (const place of PLACES) {
  Deno.test(
    `each option is either set in the kernel and listed or refused by name: ${place.name}`,
    {
      ignore: ignored(place),
    },
    async (t) => {
      await using scratch = await Scratch.make();
      await using daemon = await Daemon.start();
      using connection = RawConnection.open(daemon.sock);
      const { kind, family } = place;
      for (const { option, kinds, values, privileged } of CASES) {
        for (const [asked, there] of values) {
          await t.step({
            name: `${option}: ${asked}`,
            ignore: ignored(place, privileged),
            fn: async () => {
              const params = place.params(scratch, option);
              const wanted = { ...params, [option]: asked };
              if (!kinds.includes(kind)) {
                const error = await refused(connection, wanted);
                assertEquals(error.code, ErrorCode.INVALID_PARAMS);
                assertStringIncludes(error.message, option);
                assertStringIncludes(error.message, kind);
                return;
              }
              const fd = await granted(connection, wanted);
              assertEquals(READ[option](fd, family), there);
              const [listed] = await rawList(connection);
              assertEquals(listed?.options[option], asked);
              await rawRelease(connection, params);
            },
          });
        }
      }
      assertEquals(await rawList(connection), []);
    },
  );
}

for (const place of PLACES) {
  const { kind, family } = place;
  const listens = kind !== "udp" && kind !== "unixgram";
  const what = listens ? "takes effect" : "is refused by name";
  Deno.test(`a backlog ${what}: ${place.name}`, {
    ignore: ignored(place),
  }, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const params = place.params(scratch, "socket");
    const wanted = { ...params, backlog: 7 };
    if (!listens) {
      const error = await refused(connection, wanted);
      assertEquals(error.code, ErrorCode.INVALID_PARAMS);
      assertStringIncludes(error.message, "backlog");
      const fd = await granted(connection, params);
      assertEquals(isListening(fd), false);
      assertEquals((await rawList(connection))[0]?.options.backlog, undefined);
      return;
    }
    const fd = await granted(connection, wanted);
    assert(isListening(fd));
    const backlog = kind === "tcp"
      ? tcpBacklog(fd)
      : unixBacklog(params.path!, kind === "unix" ? "stream" : "seqpacket");
    assertEquals(backlog, 7);
    assertEquals((await rawList(connection))[0]?.options.backlog, 7);
    assertEquals(family === "ipv4" || family === "ipv6", kind === "tcp");
  });
}

const OF_A_FILE: WireOptions[] = [{ mode: "0600" }, { owner: 0 }, { group: 0 }];

for (const place of PLACES.filter(({ family }) => family !== "path")) {
  Deno.test(`mode, owner and group are refused by name: ${place.name}`, {
    ignore: ignored(place),
  }, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    for (const options of OF_A_FILE) {
      const error = await refused(connection, {
        ...place.params(scratch, "socket"),
        ...options,
      });
      assertEquals(error.code, ErrorCode.INVALID_PARAMS);
      assertStringIncludes(error.message, Object.keys(options)[0]!);
    }
    assertEquals(await rawList(connection), []);
  });
}

for (const kind of INTERNET) {
  Deno.test(`an IPv6 socket refuses IPv4 by default: ${kind}`, {
    ignore: noIpv6,
  }, async () => {
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    for (
      const [v6only, expected] of [
        [undefined, true],
        [true, true],
        [false, false],
      ] as const
    ) {
      const params = { kind, address: "::", port: 0, v6only };
      const fd = await granted(connection, params);
      assertEquals(isV6Only(fd), expected);
      const listed = (await rawList(connection)).at(-1);
      assertEquals(listed?.options.v6only, expected);
    }
    assertEquals((await rawList(connection)).length, 2);
  });
}
