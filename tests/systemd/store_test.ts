import { assert, assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { listenOn } from "../../ffi/sockets/socket.ts";
import { libc } from "../../ffi/libc/libc.ts";
import { socketOf } from "../support/binds/listening_socket.ts";
import { PATIENCE } from "../support/eventually.ts";
import { lacksSystemd } from "../support/systemd/machine.ts";
import { Service } from "../support/systemd/service.ts";

const withSystemd = { ignore: await lacksSystemd() };

const SHUT_RD = 0;

Deno.test(
  "a holder that pauses a socket with shutdown(2), as HAProxy does, does not take it out of the store",
  withSystemd,
  async () => {
    await using service = await Service.start();
    const { sock } = service;
    const web = await bind("127.0.0.1", 0, { sock, timeout: PATIENCE });
    const socket = socketOf(web);
    assertEquals(libc().shutdown(web.fd, SHUT_RD), 0);
    // Answered by the manager after what it had to do for the socket.
    await service.property("NFileDescriptorStore");
    listenOn(web.fd, 100);
    web.close();
    assertEquals(await service.property("NFileDescriptorStore"), "2");
    await service.kill();
    using again = await bind("127.0.0.1", 0, { sock, timeout: PATIENCE });
    assertEquals(socketOf(again), socket);
  },
);

Deno.test(
  "a stored socket that listens no more is not handed out after kill -9: a new one is bound",
  withSystemd,
  async () => {
    await using service = await Service.start();
    const { sock } = service;
    (await bind("127.0.0.2", 0, { sock, timeout: PATIENCE })).close();
    const web = await bind("127.0.0.1", 0, { sock, timeout: PATIENCE });
    const socket = socketOf(web);
    assertEquals(libc().shutdown(web.fd, SHUT_RD), 0);
    web.close();
    await service.kill();
    using again = await bind("127.0.0.1", 0, { sock, timeout: PATIENCE });
    assert(socketOf(again) !== socket);
    assertEquals((await service.status()).binds, 2);
    await service.becomes("NFileDescriptorStore", "3");
  },
);
