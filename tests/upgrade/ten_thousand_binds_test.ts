import { assert, assertEquals } from "@std/assert";
import { connect } from "../../client.ts";
import { socketOf } from "../support/binds/listening_socket.ts";
import { CopiedDaemon } from "../support/upgrade/copied_daemon.ts";

Deno.test("ten thousand binds survive a re-exec", async () => {
  await using daemon = await CopiedDaemon.start({
    args: ["--log-level", "warn"],
  });
  using session = await connect({ sock: daemon.sock });
  const { limit } = (await session.status()).descriptors;
  const count = Math.min(10_000, limit - 100);
  if (count < 10_000) console.log(`only ${count}: the limit is ${limit}`);
  const bindAll = async () => {
    const sockets: string[] = [];
    for (let index = 0; index < count; index++) {
      using binding = await session.bind(
        `127.3.${index >> 8}.${index & 255}`,
        0,
      );
      sockets.push(socketOf(binding));
    }
    return sockets;
  };
  const sockets = await bindAll();
  assertEquals(new Set(sockets).size, count);
  await daemon.reexec();
  const { generation, binds, pid } = await session.status();
  assertEquals({ generation, binds, pid }, {
    generation: 2,
    binds: count,
    pid: daemon.pid,
  });
  assert((await bindAll()).every((socket, index) => socket === sockets[index]));
});
