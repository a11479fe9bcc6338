import { assertEquals } from "@std/assert";
import { abi } from "../../ffi/libc/abi.ts";
import { getOption } from "../../ffi/sockets/socket.ts";
import { localAddress } from "../../ffi/sockets/socket_address.ts";
import { lacksIpv6 } from "../support/binds/listening_socket.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { damageAndStay } from "../support/holders/acts.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { granted, rawRelease } from "../support/socket_kinds/raw_bind.ts";

const ignore = await lacks("python3") || lacksIpv6();
const act = { name: "change IPV6_V6ONLY" };

function servesOnlyIpv6(fd: number): boolean {
  return getOption(fd, abi.IPPROTO_IPV6, abi.IPV6_V6ONLY) === 1;
}

for (const kind of ["tcp", "udp"] as const) {
  for (const v6only of [true, false]) {
    Deno.test(
      `a socket whose holder has changed IPV6_V6ONLY is handed out as it was bound: ${kind}, v6only ${v6only}`,
      { ignore },
      async () => {
        await using daemon = await Daemon.start();
        using connection = RawConnection.open(daemon.sock);
        const params = { address: "::", port: 0, kind, v6only };
        for (const isKept of [false, true]) {
          const before = localAddress(await granted(connection, params));
          await using holder = await damageAndStay(daemon.sock, params, act);
          if (!isKept) await holder[Symbol.asyncDispose]();
          const fd = await granted(connection, params);
          assertEquals(servesOnlyIpv6(fd), v6only);
          assertEquals(localAddress(fd), before);
          await rawRelease(connection, params);
        }
      },
    );
  }
}
