import { assertEquals, assertRejects } from "@std/assert";
import {
  bind,
  bindAll,
  BindError,
  connect,
  ProtocolError,
} from "../../client.ts";
import { withoutLeak } from "../support/descriptor_leak.ts";
import { lacks } from "../support/foreign_program.ts";
import { rubyServer } from "../support/takeover/old_server.ts";

const withRuby = { ignore: await lacks("ruby") };

Deno.test(
  "bindAll gets its sockets from the Ruby server one by one",
  withRuby,
  async () => {
    await using server = await rubyServer();
    const { sock } = server;
    await withoutLeak(async () => {
      const bindings = await bindAll(
        ["127.0.0.1:0", { address: "127.0.0.2", port: 0 }, "127.0.0.1:0"],
        { sock },
      );
      assertEquals(
        bindings.map(({ addr }) => (addr as Deno.NetAddr).hostname),
        ["127.0.0.1", "127.0.0.2", "127.0.0.1"],
      );
      assertEquals(bindings[0]?.addr, bindings[2]?.addr);
      for (const binding of bindings) binding.close();
    });
  },
);

Deno.test(
  "bindAll closes its sockets if the Ruby server refuses one, and the session stays usable",
  withRuby,
  async () => {
    await using server = await rubyServer();
    await withoutLeak(async () => {
      using session = await connect({ sock: server.sock });
      await assertRejects(
        () => session.bindAll(["127.0.0.1:0", "192.0.2.1:80", "127.0.0.2:0"]),
        BindError,
        "Could not bind",
      );
      const [again] = await session.bindAll(["127.0.0.1:0"]);
      again?.close();
    });
  },
);

Deno.test(
  "bind of a UDP address from the Ruby server throws a ProtocolError",
  withRuby,
  async () => {
    await using server = await rubyServer();
    const { sock } = server;
    const address = "udp://127.0.0.1:0";
    await withoutLeak(async () => {
      await assertRejects(() => bind(address, { sock }), ProtocolError);
      await assertRejects(() => bindAll([address], { sock }), ProtocolError);
    });
  },
);

Deno.test(
  "bind of a path from the Ruby server throws a BindError",
  withRuby,
  async () => {
    await using server = await rubyServer();
    const { sock } = server;
    await assertRejects(
      () => bind("unix:/tmp/multibinder-never.sock", { sock }),
      BindError,
    );
  },
);
