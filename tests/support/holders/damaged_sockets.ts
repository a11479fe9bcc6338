/**
 * Sockets of every kind, to which holders have done everything that they can.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { isNonblocking } from "../../../ffi/files/descriptor.ts";
import {
  localAddress,
  type SocketAddress,
} from "../../../ffi/sockets/socket_address.ts";
import type { BindParams } from "../../../protocol.ts";
import { OwnPort } from "../loopback.ts";
import { RawConnection } from "../raw_connection.ts";
import type { Place } from "../socket_kinds/places.ts";
import { granted } from "../socket_kinds/raw_bind.ts";
import { assertAlive } from "../soak/sockets.ts";
import type { Scratch } from "../tree.ts";
import { type Act, actsAt, damage, HOLDER_PLACES } from "./acts.ts";

/** A socket that a holder has damaged, and where it was bound. */
export interface DamagedSocket {
  readonly act: Act;
  readonly place: Place;
  readonly params: BindParams;
  readonly bound: SocketAddress;
}

/** Has every act done to a socket of every kind. `using` gives the ports back. */
export class DamagedSockets implements Disposable {
  readonly #ports = new DisposableStack();
  readonly sockets: DamagedSocket[] = [];

  /** Binds and damages the sockets. The holders have exited. */
  async damageAll(
    sock: string,
    scratch: Pick<Scratch, "join">,
  ): Promise<void> {
    using connection = RawConnection.open(sock);
    for (const [index, place] of HOLDER_PLACES.entries()) {
      if (place.family === "ipv6" || /IPv4$/.test(place.name)) continue;
      for (const act of actsAt(place)) {
        const name = `${index}-${act.name.replaceAll(" ", "-")}`;
        await Deno.mkdir(scratch.join(name));
        const port = this.#ports.use(OwnPort.take()).number;
        const isHost = place.family === "ipv4";
        const params = place.params(
          scratch,
          isHost ? `${port}` : `${name}/socket`,
        );
        const bound = localAddress(await granted(connection, params));
        await damage(sock, params, act);
        this.sockets.push({ act, place, params, bound });
      }
    }
  }

  /** Checks that a bind of each works, at the same address. */
  async assertHealed(sock: string): Promise<void> {
    using connection = RawConnection.open(sock);
    for (const { act, place, params, bound } of this.sockets) {
      const fd = await granted(connection, params);
      assertEquals(localAddress(fd), bound, act.name);
      if (act.name !== "set O_NONBLOCK") {
        assertEquals(isNonblocking(fd), false, act.name);
      }
      await assertAlive(place.kind, fd);
    }
  }

  [Symbol.dispose](): void {
    this.#ports.dispose();
  }
}
