import { assert, assertEquals } from "@std/assert";
import { isNonblocking } from "../../ffi/files/descriptor.ts";
import { localAddress } from "../../ffi/sockets/socket_address.ts";
import { ErrorCode } from "../../protocol.ts";
import { lacksIpv6 } from "../support/binds/listening_socket.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import {
  type Act,
  actsAt,
  damage,
  damageAndStay,
  HOLDER_PLACES,
  isFinal,
} from "../support/holders/acts.ts";
import { OwnPort } from "../support/loopback.ts";
import { RawConnection } from "../support/raw_connection.ts";
import type { Place } from "../support/socket_kinds/places.ts";
import {
  granted,
  rawList,
  rawRelease,
  refused,
} from "../support/socket_kinds/raw_bind.ts";
import { assertAlive } from "../support/soak/sockets.ts";
import { Scratch } from "../support/tree.ts";

const noPython = await lacks("python3");
const noIpv6 = lacksIpv6();

function ignored({ family }: Place): { ignore: boolean } {
  return { ignore: noPython || (family === "ipv6" && noIpv6) };
}

/** Runs `check` for each act, on a socket that is bound for it alone. */
async function forEachAct(
  place: Place,
  check: (
    act: Act,
    params: ReturnType<Place["params"]>,
    daemon: Daemon,
    connection: RawConnection,
  ) => Promise<void>,
): Promise<void> {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  for (const [index, act] of actsAt(place).entries()) {
    using connection = RawConnection.open(daemon.sock);
    using port = OwnPort.take();
    await Deno.mkdir(scratch.join(`${index}`));
    const name = place.family === "path" || place.family === "abstract"
      ? `${index}/socket`
      : `${port.number}`;
    const params = place.params(scratch, name);
    try {
      await check(act, params, daemon, connection);
    } catch (error) {
      const log = daemon.program.errors.text;
      throw new Error(`${act.name}:\n${log}`, { cause: error });
    }
  }
}

for (const place of HOLDER_PLACES) {
  Deno.test(
    `whatever a holder has done to its socket before it exited, the next one works: ${place.name}`,
    ignored(place),
    () =>
      forEachAct(place, async (act, params, daemon, connection) => {
        const before = localAddress(await granted(connection, params));
        await damage(daemon.sock, params, act);
        connection.closeReceived();
        const fd = await granted(connection, params);
        assertEquals(localAddress(fd), before);
        // This process has received the socket too, so the flag stays
        // (blocking_test.ts).
        const isSet = act.name === "set O_NONBLOCK";
        assertEquals(isNonblocking(fd), isSet);
        await assertAlive(place.kind, fd);
        await rawRelease(connection, params);
      }),
  );

  Deno.test(
    `while a holder keeps a damaged socket, the next holder gets one that works: ${place.name}`,
    ignored(place),
    () =>
      forEachAct(place, async (act, params, daemon, connection) => {
        const before = localAddress(await granted(connection, params));
        connection.closeReceived();
        await using _holder = await damageAndStay(daemon.sock, params, act);
        if (isFinal(act, place)) {
          const { code, data } = await refused(connection, params);
          assertEquals(code, ErrorCode.COULD_NOT_BIND);
          const { code: errno, damage } = data as Record<string, unknown>;
          assertEquals(errno, "EADDRINUSE");
          assert(typeof damage === "string");
          assertEquals(await rawList(connection), []);
          return;
        }
        const fd = await granted(connection, params);
        assertEquals(localAddress(fd), before);
        await assertAlive(place.kind, fd);
        await rawRelease(connection, params);
      }),
  );
}
