import { assert, assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { socketOf } from "../support/binds/listening_socket.ts";
import { PATIENCE } from "../support/eventually.ts";
import { OwnPort } from "../support/loopback.ts";
import { ask, requestText } from "../support/raw_connection.ts";
import { lacksSystemd } from "../support/systemd/machine.ts";
import { Queue } from "../support/systemd/queue.ts";
import { Service } from "../support/systemd/service.ts";

const withSystemd = { ignore: await lacksSystemd() };

/** A machine whose systemd listens on the control socket. */
async function activated(more = ""): Promise<Service> {
  const service = await Service.prepare();
  await service.machine.install({
    "multibinder.socket": `
[Socket]
ListenStream=${service.sock}
SocketMode=0600
${more}
`,
  });
  const { code, errors } = await service.machine.systemctl(
    "start",
    "multibinder.socket",
  );
  assertEquals(code, 0, errors);
  return service;
}

Deno.test(
  "the first client of a control socket from a .socket unit starts the daemon",
  withSystemd,
  async () => {
    await using service = await activated();
    assertEquals(await service.property("ActiveState"), "inactive");
    const { result } = await ask(service.sock, requestText(1, "status"));
    assert(result !== undefined);
    await service.becomes("ActiveState", "active");
    assertEquals((await service.status()).control_socket, service.sock);
  },
);

Deno.test(
  "a control socket from a .socket unit survives stop, and the next client starts the daemon again",
  withSystemd,
  async () => {
    await using service = await activated();
    (await bind("127.0.0.1", 0, { sock: service.sock })).close();
    const { ino } = await Deno.lstat(service.sock);
    await service.systemctl("stop");
    assertEquals(await service.property("ActiveState"), "inactive");
    assertEquals((await Deno.lstat(service.sock)).ino, ino);
    const { generation, binds } = await service.status();
    assertEquals({ generation, binds }, { generation: 1, binds: 0 });
    await service.becomes("ActiveState", "active");
  },
);

Deno.test(
  "with a .socket unit kill -9 and a reload lose no socket",
  withSystemd,
  async () => {
    await using service = await activated();
    const { sock } = service;
    const { ino } = await Deno.lstat(sock);
    const { port, socket } = await service.held();
    await using queue = new Queue(port);
    for (const _ of [1, 2, 3]) {
      await queue.grows(3);
      await service.kill();
      await queue.grows(3);
      using again = await bind("127.0.0.1", 0, { sock, timeout: PATIENCE });
      assertEquals(socketOf(again), socket);
      assertEquals((await Deno.lstat(sock)).ino, ino);
    }
    await service.becomes("ActiveState", "active");
    await service.systemctl("reload");
    await service.generation(2);
    await service.kill();
    using web = await bind("127.0.0.1", 0, { sock, timeout: PATIENCE });
    assertEquals(socketOf(web), socket);
    const answers = await queue.serve(web, "served");
    assertEquals(answers, answers.map(() => "served"));
    const log = await service.machine.journal(service.unit);
    assert(!log.includes("WARN"), log);
  },
);

Deno.test(
  "a port of the .socket unit is a bind of the daemon, also after kill -9",
  withSystemd,
  async () => {
    using own = OwnPort.take();
    const { number: port } = own;
    await using service = await activated(`ListenStream=127.0.0.1:${port}`);
    const { sock } = service;
    const first = await bind("127.0.0.1", port, { sock, timeout: PATIENCE });
    const socket = socketOf(first);
    first.close();
    for (const _ of [1, 2]) {
      await service.kill();
      using again = await bind("127.0.0.1", port, { sock, timeout: PATIENCE });
      assertEquals(socketOf(again), socket);
    }
    const log = await service.machine.journal(service.unit);
    assert(!log.includes("ignored"), log);
  },
);
