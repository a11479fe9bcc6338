import { assert, assertEquals, assertRejects } from "@std/assert";
import { bind, connect } from "../../client.ts";
import { socketOf, tcpAddress } from "../support/binds/listening_socket.ts";
import { ask, RawConnection, requestText } from "../support/raw_connection.ts";
import { eventually, PATIENCE } from "../support/eventually.ts";
import { loopbackHost } from "../support/loopback.ts";
import { SourceCopy } from "../support/upgrade/copied_daemon.ts";
import { lacksSystemd, Machine } from "../support/systemd/machine.ts";
import { listenersOn, Queue } from "../support/systemd/queue.ts";
import { Service, serviceUnit } from "../support/systemd/service.ts";

const withSystemd = { ignore: await lacksSystemd() };

Deno.test(
  "systemctl reload re-executes the daemon in the same process",
  withSystemd,
  async () => {
    await using service = await Service.start();
    const { sock } = service;
    const pid = await service.property("MainPID");
    using before = await bind("127.0.0.1", 0, { sock, timeout: PATIENCE });
    for (const generation of [2, 3]) {
      await service.systemctl("reload");
      await service.generation(generation);
      await service.becomes("ActiveState", "active");
      assertEquals(await service.property("MainPID"), pid);
      using after = await bind("127.0.0.1", 0, { sock, timeout: PATIENCE });
      assertEquals(socketOf(after), socketOf(before));
    }
    assertEquals(await service.property("NRestarts"), "0");
  },
);

Deno.test(
  "binds from before and after a reload survive kill -9",
  withSystemd,
  async () => {
    await using service = await Service.start();
    const { sock } = service;
    const ask = async () => {
      using one = await bind("127.0.0.1", 0, { sock, timeout: PATIENCE });
      using two = await bind("127.0.0.2", 0, { sock, timeout: PATIENCE });
      return [socketOf(one), socketOf(two)];
    };
    const one = await bind("127.0.0.1", 0, { sock, timeout: PATIENCE });
    const { port } = tcpAddress(one);
    one.close();
    await service.systemctl("reload");
    await service.generation(2);
    const before = await ask();
    const control = (await Deno.lstat(sock)).ino;
    await using queue = new Queue(port);
    await queue.grows(5);
    await service.kill();
    await queue.grows(5);
    await service.generation(1);
    assertEquals(await ask(), before);
    assertEquals((await Deno.lstat(sock)).ino, control);
    using web = await bind("127.0.0.1", 0, { sock, timeout: PATIENCE });
    const answers = await queue.serve(web, "served");
    assertEquals(answers, answers.map(() => "served"));
  },
);

Deno.test(
  "systemctl stop frees the ports and removes the control socket; start begins without binds",
  withSystemd,
  async () => {
    await using service = await Service.start();
    const { sock } = service;
    const web = await bind(loopbackHost(), 0, { sock, timeout: PATIENCE });
    const address = tcpAddress(web);
    web.close();
    await service.systemctl("reload");
    await service.generation(2);
    await service.systemctl("stop");
    assertEquals(await service.property("Result"), "success");
    assertEquals(await service.property("ActiveState"), "inactive");
    await assertRejects(() => Deno.lstat(sock), Deno.errors.NotFound);
    await assertRejects(
      () => Deno.connect(address),
      Deno.errors.ConnectionRefused,
    );
    Deno.listen(address).close();
    await service.systemctl("start");
    const { generation, binds } = await service.status();
    assertEquals({ generation, binds }, { generation: 1, binds: 0 });
  },
);

Deno.test(
  "systemctl restart keeps the sockets and waiting connections",
  withSystemd,
  async () => {
    await using service = await Service.start();
    const { sock } = service;
    const { port, socket } = await service.held();
    await using queue = new Queue(port);
    await queue.grows(5);
    await service.systemctl("restart");
    await queue.grows(5);
    assertEquals((await service.status()).binds, 1);
    using web = await bind("127.0.0.1", 0, { sock, timeout: PATIENCE });
    assertEquals(socketOf(web), socket);
    assertEquals(await listenersOn(port), 1);
    const answers = await queue.serve(web, "served");
    assertEquals(answers, answers.map(() => "served"));
    await service.becomes("NFileDescriptorStore", "2");
    const log = await service.machine.journal(service.unit);
    assert(!/WARN|ERROR/.test(log), log);
  },
);

Deno.test(
  "release removes a socket from the descriptor store",
  withSystemd,
  async () => {
    await using service = await Service.start();
    const { sock } = service;
    using session = await connect({ sock, timeout: PATIENCE });
    (await session.bind("127.0.0.1", 0)).close();
    (await session.bind("127.0.0.2", 0)).close();
    await service.becomes("NFileDescriptorStore", "3");
    const params = [{ address: "127.0.0.1", port: 0 }];
    const { result } = await ask(sock, requestText(1, "release", params));
    assertEquals(result, true);
    await service.becomes("NFileDescriptorStore", "2");
    await service.kill();
    assertEquals((await service.status()).binds, 1);
  },
);

Deno.test(
  "systemctl status shows the control socket, the number of binds and the generation",
  withSystemd,
  async () => {
    await using service = await Service.start();
    const { sock } = service;
    const text = (sockets: number, generation: number) =>
      `Listening on ${sock}: ${sockets} sockets, generation ${generation}`;
    assertEquals(await service.property("StatusText"), text(0, 1));
    (await bind("127.0.0.1", 0, { sock, timeout: PATIENCE })).close();
    await service.becomes("StatusText", text(1, 1));
    await service.systemctl("reload");
    await service.becomes("StatusText", text(1, 2));
    await service.kill();
    await service.becomes("StatusText", text(1, 1));
  },
);

Deno.test(
  "a bind made during a reload survives kill -9",
  withSystemd,
  async () => {
    await using service = await Service.start();
    const { sock } = service;
    const connections = Array.from(
      { length: 200 },
      () => RawConnection.open(sock),
    );
    try {
      let reached = false;
      await service.systemctl("reload");
      const next = service.generation(2).then(() => reached = true);
      const asked: RawConnection[] = [];
      for (const connection of connections) {
        const address = `127.2.0.${asked.push(connection)}`;
        const params = [{ address, port: 0 }];
        await connection.send(requestText(1, "bind", params));
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (reached) break;
      }
      await next;
      for (const connection of asked) {
        assertEquals((await connection.answer()).result, true);
      }
      assertEquals((await service.status()).binds, asked.length);
      await service.kill();
      assertEquals((await service.status()).binds, asked.length);
    } finally {
      for (const connection of connections) connection[Symbol.dispose]();
    }
  },
);

Deno.test(
  "systemctl reload to a broken version is abandoned, and to a repaired one succeeds",
  withSystemd,
  async () => {
    await using machine = await Machine.start();
    const source = await SourceCopy.make(`${machine.shared}/source`);
    const sock = `${machine.shared}/control.sock`;
    const unit = serviceUnit(sock, `${source.folder}/server.ts`);
    await machine.install({ "multibinder.service": unit });
    const service = Service.in(machine, sock);
    await service.systemctl("start");
    const pid = await service.property("MainPID");
    await source.write("throw new Error('not today');");
    await service.systemctl("reload");
    await eventually("the reason in the log", async () => {
      const log = await machine.journal(service.unit);
      return log.includes("upgrade abandoned") && log.includes("not today");
    });
    await service.becomes("ActiveState", "active");
    assertEquals(
      await service.property("StatusText"),
      `Listening on ${sock}: 0 sockets, generation 1`,
    );
    assertEquals((await service.status()).generation, 1);
    await source.repair();
    await service.systemctl("reload");
    await service.generation(2);
    await service.becomes("ActiveState", "active");
    assertEquals(await service.property("MainPID"), pid);
  },
);
