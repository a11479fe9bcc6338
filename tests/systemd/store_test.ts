import { assertEquals } from "@std/assert";
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
  "shutdown(2) by a holder, as by HAProxy, does not remove a socket from the store",
  withSystemd,
  async () => {
    await using service = await Service.start();
    const { sock } = service;
    const web = await bind("127.0.0.1", 0, { sock, timeout: PATIENCE });
    const socket = socketOf(web);
    assertEquals(libc().shutdown(web.fd, SHUT_RD), 0);
    // The manager answers after it has handled the socket.
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
  "after kill -9 a stored socket that does not listen any more listens again",
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
    assertEquals(socketOf(again), socket);
    assertEquals((await service.status()).binds, 2);
    await service.becomes("NFileDescriptorStore", "3");
  },
);
