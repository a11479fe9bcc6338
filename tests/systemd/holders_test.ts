import { assert, assertEquals } from "@std/assert";
import { lacks } from "../support/foreign_program.ts";
import { DamagedSockets } from "../support/holders/damaged_sockets.ts";
import { lacksSystemd } from "../support/systemd/machine.ts";
import { Service } from "../support/systemd/service.ts";

Deno.test(
  "what holders have done to sockets of every kind is healed after kill -9",
  {
    ignore: await lacksSystemd() || await lacks("python3"),
  },
  async () => {
    await using service = await Service.start();
    const { sock, machine } = service;
    using damaged = new DamagedSockets();
    // Paths are seen by the machine, too.
    await damaged.damageAll(sock, {
      join: (name) => `${machine.shared}/${name}`,
    });
    const count = damaged.sockets.length;
    await service.becomes("NFileDescriptorStore", `${count + 1}`);
    await service.kill();
    assertEquals((await service.status()).binds, count);
    const log = await machine.journal(service.unit);
    assert(log.includes("socket healed"), log);
    assert(log.includes("socket bound anew"), log);
    assert(!log.includes("not healed"), log);
    assert(!log.includes("descriptor ignored"), log);
    await damaged.assertHealed(sock);
    await service.becomes("NFileDescriptorStore", `${count + 1}`);
    await service.kill();
    assertEquals((await service.status()).binds, count);
    await damaged.assertHealed(sock);
  },
);
